"""What the server prints before it loads the script: its settings and routes, in the reference server's words
(azureml-inference-server-http, "print_server_settings"). Used by __main__."""

from collections.abc import Iterator

from .script_environment import has_valid_key, is_app_insights_enabled
from .settings import Settings
from .version import SERVER_VERSION, VERSION


def format_banner(settings: Settings) -> str:
    return "\n".join(_lines(settings)) + "\n"


# --- private


def _lines(settings: Settings) -> Iterator[str]:
    if settings.model_dir is None:
        yield "The environment variable 'AZUREML_MODEL_DIR' has not been set."
        yield "Use the --model_dir command line argument to set it."
    if settings.wants_app_insights and settings.app_insights_key is not None:
        if has_valid_key(settings):
            yield "Valid Application Insights instrumentation key provided."
        else:
            yield "Invalid Application Insights instrumentation key provided."
            yield "Application Insights has been disabled."
    yield from ("", f"teal-scoring v{VERSION}, with the interface of the Azure ML Inferencing HTTP server", "")
    health_port = settings.port if settings.health_port is None else settings.health_port
    yield from ("", "Server Settings", "---------------")
    yield f"Entry Script Name: {settings.entry_script}"
    yield f"Model Directory: {settings.model_dir}"
    yield f"Config File: {settings.config_file}"
    yield f"Worker Count: {settings.worker_count}"
    yield f"Worker Timeout (seconds): {settings.worker_timeout_s:g}"
    yield f"Server Port: {settings.port}"
    yield f"Health Port: {health_port}"
    yield f"Application Insights Enabled: {_describe_app_insights(settings)}"
    yield f"Application Insights Key: {'AppInsights key provided' if settings.app_insights_key else None}"
    yield f"Inferencing HTTP server version: {SERVER_VERSION if settings.shows_version else None}"
    origins = ", ".join(settings.cors_origins)
    yield f"CORS for the specified origins: {f'Enabling CORS for {origins}' if origins else None}"
    yield f"Create dedicated endpoint for health: {'None' if settings.health_port is None else 'true'}"
    yield from ("", "", "Server Routes", "---------------")
    yield f"Liveness Probe: GET   127.0.0.1:{health_port}/"
    yield f"Score:          POST  127.0.0.1:{settings.port}/score"
    yield ""


def _describe_app_insights(settings: Settings) -> str:
    return "true (and nothing is sent to it: the log stays here)" if is_app_insights_enabled(settings) else "false"
