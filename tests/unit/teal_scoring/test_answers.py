import orjson

from teal_scoring.answers import (
    Answer,
    answer_bad_input,
    answer_deadline_passed,
    answer_queue_full,
    answer_result,
    answer_run_raised,
    build_gateway_answer,
)


def test_a_success_passes_the_gateway_unchanged() -> None:
    answer = answer_result(b"[1]", 0.04)
    assert build_gateway_answer(answer) is answer
    assert ("x-ms-run-fn-exec-ms", "0.040") in answer.headers


def test_a_models_failure_leaves_as_424_with_its_own_status_and_reason() -> None:
    answer = build_gateway_answer(answer_run_raised())
    assert answer.status == 424
    assert ("ms-azureml-model-error-statuscode", "500") in answer.headers
    assert ("ms-azureml-model-error-reason", "run-raised") in answer.headers
    assert ("x-ms-run-function-failed", "True") in answer.headers


def test_an_error_is_added_beside_the_members_of_the_models_own_body() -> None:
    body = orjson.loads(build_gateway_answer(answer_bad_input("no")).body)
    assert body == {"message": "no", "error": {"code": "BadInput", "message": "no"}}


def test_a_body_with_an_error_of_its_own_or_no_json_object_stays_as_it_is() -> None:
    for body in (b'{"error": "mine"}', b"[1]", b"plain text", b""):
        assert build_gateway_answer(Answer(500, body)).body == body


def test_the_servers_own_refusals_keep_their_status() -> None:
    assert build_gateway_answer(answer_queue_full(1, 1)).status == 429
    assert build_gateway_answer(answer_deadline_passed()).status == 408


def test_the_429_names_the_setting_to_raise() -> None:
    error = orjson.loads(answer_queue_full(3, 3).body)["error"]
    assert error["code"] == "TooManyRequests"
    assert "max_concurrent_requests_per_instance (now 3)" in error["message"]
