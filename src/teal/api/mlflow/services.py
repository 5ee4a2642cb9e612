"""Deployments of Azure's first generation, which the stock deployments client looks for before and behind those that
exist (`spec/mlflow.md` §5.9): there are none."""

from starlette.responses import JSONResponse

from teal.api.calls import InWorkspace


async def list_services(call: InWorkspace) -> JSONResponse:
    return JSONResponse({"value": []})


async def get_service(call: InWorkspace, service: str) -> JSONResponse:
    """The word by which the client knows that there is no such service."""
    message = f"There is no service '{service}'."
    details = [{"code": "NoSuchService", "message": message}]
    return JSONResponse({"code": "NotFound", "statusCode": 404, "message": message, "details": details}, 404)
