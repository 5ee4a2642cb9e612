"""The bodies of the interface descriptions, in the words of the reference server. Pure; used by swagger.py."""

from typing import Any

_FAILED = "The service failed to execute due to an error."
_HEALTHY = "If service is up and running, this response will be returned with the content 'Healthy'"
_SCORED = "The service processed the input correctly and provided a result prediction, if applicable."
_HEALTH = {
    "operationId": "ServiceHealthCheck",
    "description": "Simple health check endpoint to ensure the service is up at any given point.",
}
_SCORE = {
    "operationId": "RunMLService",
    "description": "Run web service's model and get the prediction output",
    "security": [{"Bearer": []}],
}
_DESCRIBE = {"operationId": "GetSwaggerSpec", "description": "Get the Swagger specification."}
_INPUT_DESCRIPTION = "The input payload for executing the real-time machine learning service."
_VERSION = {"name": "version", "in": "query", "required": False}
_VERSION_TYPE = {"type": "integer", "enum": [2, 3]}
_SPECIFICATION = "The Swagger specification."
_BEARER = {
    "Bearer": {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "description": "For example: Bearer abc123",
    }
}
_ERROR_RESPONSE = {"type": "object", "properties": {"message": {"type": "string"}}}


def build_swagger_2(name: str, version: str, prefix: str, takes: Any, gives: Any) -> dict[str, Any]:
    failed = {"description": _FAILED, "schema": {"$ref": "#/definitions/ErrorResponse"}}
    body = {
        "name": "serviceInputPayload",
        "in": "body",
        "description": _INPUT_DESCRIPTION,
        "schema": {"$ref": "#/definitions/ServiceInput"},
    }
    healthy = {"description": _HEALTHY, "schema": {"type": "string"}, "examples": {"application/json": "Healthy"}}
    scored = {"description": _SCORED, "schema": {"$ref": "#/definitions/ServiceOutput"}}
    described = {"description": _SPECIFICATION, "schema": {"type": "string"}}
    return {
        "swagger": "2.0",
        "info": _describe(name, version),
        "schemes": ["https"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": _BEARER,
        "paths": {
            f"{prefix}/": {"get": {**_HEALTH, "responses": {"200": healthy, "default": failed}}},
            f"{prefix}/score": {
                "post": {**_SCORE, "parameters": [body], "responses": {"200": scored, "default": failed}}
            },
            f"{prefix}/swagger.json": {
                "get": {
                    **_DESCRIBE,
                    "parameters": [{**_VERSION, **_VERSION_TYPE}],
                    "responses": {"200": described, "default": failed},
                }
            },
        },
        "definitions": {"ServiceInput": takes, "ServiceOutput": gives, "ErrorResponse": _ERROR_RESPONSE},
    }


def build_openapi_3(name: str, version: str, prefix: str, takes: Any, gives: Any) -> dict[str, Any]:
    def refer(part: str) -> dict[str, str]:
        return {"$ref": f"#/components/schemas/{part}"}

    failed = {"description": _FAILED, "content": _content("application/json", refer("ErrorResponse"))}
    healthy = {
        "description": _HEALTHY,
        "content": _content("text/plain", {"type": "string", "example": "Healthy"}),
    }
    body = {"description": _INPUT_DESCRIPTION, "content": _content("application/json", refer("ServiceInput"))}
    scored = {"description": _SCORED, "content": _content("application/json", refer("ServiceOutput"))}
    described = {"description": _SPECIFICATION, "content": _content("text/plain", {"type": "string"})}
    return {
        "openapi": "3.0.3",
        "info": _describe(name, version),
        "security": [{"Bearer": []}],
        "paths": {
            f"{prefix}/": {"get": {**_HEALTH, "responses": {"200": healthy, "default": failed}}},
            f"{prefix}/score": {
                "post": {**_SCORE, "requestBody": body, "responses": {"200": scored, "default": failed}}
            },
            f"{prefix}/swagger.json": {
                "get": {
                    **_DESCRIBE,
                    "parameters": [{**_VERSION, "schema": _VERSION_TYPE}],
                    "responses": {"200": described, "default": failed},
                }
            },
        },
        "components": {
            "schemas": {"ServiceInput": takes, "ServiceOutput": gives, "ErrorResponse": _ERROR_RESPONSE},
            "securitySchemes": _BEARER,
        },
    }


# --- private


def _describe(name: str, version: str) -> dict[str, str]:
    return {
        "title": name,
        "description": f"API specification for the Azure Machine Learning service {name}",
        "version": version,
    }


def _content(media_type: str, schema: Any) -> dict[str, Any]:
    return {media_type: {"schema": schema}}
