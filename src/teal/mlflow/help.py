"""The text of `mlflow deployments help -t teal`."""

TARGET_HELP = """\
Deploys MLflow models to the online endpoints of a Teal server.

Targets
  teal                       the server of this machine (`teal up`), in the workspace of `teal configure`
  teal://HOST:PORT           a server by its address; TEAL_TOKEN and TEAL_CA let you in
  teal://HOST:PORT/subscriptions/S/resourceGroups/G/providers/Microsoft.MachineLearningServices/workspaces/W

Models
  models:/NAME/VERSION  models:/NAME@ALIAS  models:/NAME/latest  models:/NAME/Production
  runs:/RUN/PATH  models:/m-ID  and folders, which are registered first

Config of create_endpoint and update_endpoint
  The keys of an endpoint's YAML: auth_mode, description, tags, identity, traffic, mirror_traffic, …
  endpoint-config-file=FILE  the same in a file, YAML or JSON

Config of create_deployment and update_deployment
  The keys of a deployment's YAML: instance_type, instance_count, environment_variables, request_settings,
  liveness_probe, readiness_probe, …
  traffic, mirror_traffic    a map of percentages by deployment, or the percentage of this deployment
  deploy-config-file=FILE    the same in a file, YAML or JSON
  async=true                 do not wait

On the command line: -C instance_count=2 -C 'traffic={"blue": 90, "green": 10}'

Without an endpoint, a deployment gets one of its own name, with all traffic. A deployment that exists is updated.

`mlflow deployments create-endpoint` does not work in MLflow itself, with any target. Use
  teal online-endpoint create --name NAME
or the Python client's create_endpoint.
"""
