"""Words callers need beside the entities, under the names azure.ai.ml.constants has for them."""


class AssetTypes:
    """What a model is stored as."""

    CUSTOM_MODEL = "custom_model"
    MLFLOW_MODEL = "mlflow_model"
    TRITON_MODEL = "triton_model"
