"""`teal env` with a real server: what a shell has evaluated leads other programs to it, over TLS that they trust."""

import json
import shutil
import sys
from collections.abc import Iterator

import pytest

from tests.harness.command_line import CommandLine, running_teal
from tests.harness.samples import write_samples

pytestmark = pytest.mark.skipif(
    not (shutil.which("bash") and shutil.which("curl")), reason="a shell and a client that reads CURL_CA_BUNDLE"
)

EVAL = f'eval "$({sys.executable} -m teal.cli.main env --az -g my-group -w my-workspace --subscription my-sub)"; '


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with running_teal(tmp_path_factory.mktemp("env")) as line:
        yield line


def after_env(line: CommandLine, script: str) -> str:
    done = line.run("bash", "-ec", EVAL + script)
    assert done.status == 0, done.err
    return done.out


def test_the_metadata_document_names_the_server_that_is_asked(line: CommandLine) -> None:
    """spec/wire.md §1.5: `resourceManager` stands in the variable, letter for letter."""
    out = after_env(line, 'echo "$ARM_CLOUD_METADATA_URL"; curl -fsS "$ARM_CLOUD_METADATA_URL"')
    url, _, document = out.partition("\n")
    assert json.loads(document)[0]["resourceManager"] in url


def test_the_identity_endpoint_hands_out_a_token_that_lets_in(line: CommandLine) -> None:
    script = """
    ask() { curl -fsS "$@"; }
    TOKEN=$(ask -H "X-IDENTITY-HEADER: $IDENTITY_HEADER" "$IDENTITY_ENDPOINT?api-version=2019-08-01&resource=x" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
    WORKSPACE="/subscriptions/$AZURE_SUBSCRIPTION_ID/resourceGroups/$AZURE_RESOURCE_GROUP/providers"
    WORKSPACE="$WORKSPACE/Microsoft.MachineLearningServices/workspaces/$AZUREML_WORKSPACE_NAME"
    ask -H "Authorization: Bearer $TOKEN" "${IDENTITY_ENDPOINT%/msi/token}$WORKSPACE?api-version=2023-04-01"
    """
    assert json.loads(after_env(line, script))["name"] == "my-workspace"


def test_az_is_teal_in_that_shell_and_in_what_it_starts(line: CommandLine) -> None:
    token = after_env(line, "sh -c 'az account get-access-token --query accessToken -o tsv'").strip()
    assert token == (line.folder / "data" / "token").read_text().strip()
    assert after_env(line, "az ml online-endpoint list").strip() == "[]"


def test_what_scripts_send_to_azure_by_name_comes_here(line: CommandLine) -> None:
    script = """
    curl -fsS -H "Authorization: Bearer $(az account get-access-token --query accessToken -o tsv)" \\
        "https://management.azure.com/subscriptions?api-version=2022-12-01"
    curl -sS -o /dev/null -w '%{http_code}' -X DELETE https://ml.azure.com/api/eastus/models/m:1
    """
    document, _, status = after_env(line, script).rpartition("}")
    assert json.loads(document + "}")["value"][0]["subscriptionId"]
    assert status == "401"


REST_SCRIPT = r"""
SUBSCRIPTION=$(az account show --query id -o tsv)
GROUP=$(az group show --query name -o tsv)
WORKSPACE=$(az configure -l --query "[?name=='workspace'].value" -o tsv)
LOCATION=$(az ml workspace show --query location -o tsv)
TOKEN=$(az account get-access-token --query accessToken -o tsv)
BASE="https://management.azure.com/subscriptions/$SUBSCRIPTION/resourceGroups/$GROUP/providers"
BASE="$BASE/Microsoft.MachineLearningServices/workspaces/$WORKSPACE"
read_() { python3 -c 'import functools, json, sys
step = lambda at, key: at[int(key) if key.isdigit() else key]
print(functools.reduce(step, sys.argv[1].split("."), json.load(sys.stdin)))' "$1"; }
send() {
  curl -sS --fail-with-body --location --request "$1" "$BASE/$2?api-version=2022-05-01" \
    --header "Authorization: Bearer $TOKEN" --header "Content-Type: application/json" --data-raw "$3"
}
wait_for() {
  status=unknown
  while [[ $status != Succeeded && $status != Failed ]]; do
    status=$(curl -sS --fail --location "$1" --header "Authorization: Bearer $TOKEN" | read_ status)
  done
  [[ $status == Succeeded ]] || { echo "$1: $status" >&2; exit 1; }
}
STORE=$(send GET datastores "")
export AZURE_STORAGE_ACCOUNT=$(read_ value.0.properties.accountName <<< "$STORE")
CONTAINER=$(read_ value.0.properties.containerName <<< "$STORE")
az storage blob upload-batch -d $CONTAINER/score -s endpoints/online/model-1/onlinescoring -o none
send PUT codes/score/versions/1 "{\"properties\": {
  \"codeUri\": \"https://$AZURE_STORAGE_ACCOUNT.blob.core.windows.net/$CONTAINER/score\"}}" > answer.json
az storage blob upload-batch -d $CONTAINER/model -s endpoints/online/model-1/model -o none
send PUT models/sums/versions/1 "{\"properties\": {\"modelUri\": \"azureml://subscriptions/$SUBSCRIPTION/resourceGroups/\
$GROUP/workspaces/$WORKSPACE/datastores/$(read_ value.0.name <<< "$STORE")/paths/model\"}}" > answer.json
CONDA_FILE=$(cat endpoints/online/model-1/environment/conda.yaml)
send PUT environments/sums/versions/1 "{\"properties\": {
  \"condaFile\": \"$CONDA_FILE\", \"image\": \"any:1\"}}" > answer.json
send PUT onlineEndpoints/by-rest "{\"location\": \"$LOCATION\", \"identity\": {\"type\": \"systemAssigned\"},
  \"properties\": {\"authMode\": \"AMLToken\"}}" > answer.json
wait_for $(read_ properties.properties.AzureAsyncOperationUri < answer.json)
ID=${BASE#https://management.azure.com}
send PUT onlineEndpoints/by-rest/deployments/blue "{\"location\": \"$LOCATION\",
  \"sku\": {\"capacity\": 1, \"name\": \"default\"}, \"properties\": {
    \"endpointComputeType\": \"Managed\", \"instanceType\": \"Standard_DS3_v2\",
    \"model\": \"$ID/models/sums/versions/1\", \"environmentId\": \"$ID/environments/sums/versions/1\",
    \"codeConfiguration\": {
      \"codeId\": \"$ID/codes/score/versions/1\", \"scoringScript\": \"score.py\"}}}" > answer.json
wait_for $(read_ properties.properties.AzureAsyncOperationUri < answer.json)
curl -sS --fail-with-body "$(send GET onlineEndpoints/by-rest "" | read_ properties.scoringUri)" \
  --header "Authorization: Bearer $(send POST onlineEndpoints/by-rest/token "" | read_ accessToken)" \
  --header "azureml-model-deployment: blue" --data @endpoints/online/model-1/sample-request.json
send DELETE onlineEndpoints/by-rest ""
"""


def test_a_script_of_azures_rest_calls_runs_as_it_is(line: CommandLine) -> None:
    """The steps and words of Azure's article "Deploy models with REST", with its host's name."""
    write_samples(line.folder)
    assert after_env(line, REST_SCRIPT) == "[6,15]"


def test_evaluating_it_twice_changes_nothing(line: CommandLine) -> None:
    assert after_env(line, "env | sort > once; " + EVAL + "env | sort | diff once - && echo same").endswith("same\n")
