"""What export-kubernetes writes agrees with the plan, the config and configs/kubernetes. Needs PyYAML: `make deps-deployment`.

    test_exported_manifests.py ROOT deployment FILE PLAN CONFIG    speaks TAP; PLAN is what plan-replicas says of the model,
    test_exported_manifests.py ROOT kserve FILE PLAN CONFIG        as JSON, CONFIG what was exported
    test_exported_manifests.py ROOT triton FILE PLAN CONFIG
    test_exported_manifests.py ROOT config FILE                    the config within a file
    test_exported_manifests.py ROOT name FILE                      the model that its config has
"""

import ast
import glob
import json
import math
import os
import sys

import yaml

ROOT, WHAT, FILE = sys.argv[1:4]


def read(path):
    with open(path, encoding="utf-8") as file:
        return list(yaml.safe_load_all(file))


DOCUMENTS = {document["kind"]: document for document in read(FILE)}


# ---- what KServe's resources have, by the models that its Python package has of them

MODELS = os.path.join(ROOT, ".deps", "deployment", "kserve", "models")


def kserve_models():
    """Each class's keys and their types, read from the sources: importing them takes all of KServe's servers."""
    found = {}
    for path in glob.glob(MODELS + "/*.py"):
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in tree.body:
            if not isinstance(node, ast.ClassDef):
                continue
            tables = {each.targets[0].id: ast.literal_eval(each.value) for each in node.body
                      if isinstance(each, ast.Assign) and isinstance(each.value, ast.Dict)}
            if "attribute_map" in tables:
                found[node.name] = {key: tables["openapi_types"][name] for name, key in tables["attribute_map"].items()}
    return found


PLAIN = {"int": int, "str": str, "bool": bool}


def wrong(models, kind, value, where):
    """What of a value is not as its type has it; of types that are Kubernetes's own, nothing: another check has those."""
    if kind in PLAIN:
        if not isinstance(value, PLAIN[kind]) or (kind == "int" and isinstance(value, bool)):
            yield "%s is no %s" % (where, kind)
    elif kind in models:
        for key, inner in value.items():
            if key not in models[kind]:
                yield "%s has no %s" % (where, key)
            else:
                yield from wrong(models, models[kind][key], inner, where + "." + key)


def pod_problems(predictor):
    """Of the predictor's fields that are a pod's, by Kubernetes's schemas."""
    import kubernetes_validate

    pod = {key: predictor[key] for key in ("containers", "volumes", "enableServiceLinks") if key in predictor}
    if "model" in predictor:
        own = ("modelFormat", "protocolVersion", "runtime", "storageUri")
        container = {key: value for key, value in predictor["model"].items() if key not in own}
        pod["containers"] = [dict(container, name="kserve-container")]
    try:
        kubernetes_validate.validate({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": pod}, "1.37", strict=True)
    except kubernetes_validate.ValidationError as error:
        return [str(error)]
    return []


# ---- what the numbers should be

def by_hand(kind):
    for path in glob.glob(os.path.join(ROOT, "configs", "kubernetes", "*.yaml")):
        for document in read(path):
            if document.get("kind") == kind:
                return document
    return None


def memory_mib(entry):
    """Twice what was measured of the process and half a GiB beside, which are three quarters, in steps of 256 MiB."""
    known = entry["memory_usage_mb"] if entry["memory_kind"] == "process" else 0
    return math.ceil((2 * known + 512) / 0.75 / 256) * 256


def resources(entry, config):
    quota = config["machine"].get("cpu_quota") or math.inf
    everything = min(config["machine"]["cores"], math.ceil(quota) if quota < math.inf else math.inf)
    cores = sum(each["threads"] or everything for each in entry["instances"] if each["device"] == "cpu") or everything
    both = {"cpu": str(cores), "memory": "%dMi" % memory_mib(entry)}
    return {"requests": both, "limits": both}


def without(mapping, *keys):
    return {key: value for key, value in mapping.items() if key not in keys}


def with_ports(probe, port):
    return dict(probe, httpGet=dict(probe["httpGet"], port=port))


def check_config(config):
    map_ = DOCUMENTS["ConfigMap"]
    held = json.loads(map_["data"]["production_batch_config.json"])
    (name,) = held["configurations"]
    yield "the config that it holds is that of the model alone", (
        held["configurations"][name] == config["configurations"][name]
        and without(held, "configurations") == without(config, "configurations"))
    yield "it cannot change under its name", map_["immutable"] is True


def check_deployment(plan, config):
    entry = config["configurations"][plan["model"]]
    deployment, hand = DOCUMENTS["Deployment"], by_hand("Deployment")
    spec, pod = deployment["spec"], deployment["spec"]["template"]["spec"]
    (container,), (hand_container,) = pod["containers"], hand["spec"]["template"]["spec"]["containers"]
    labels = spec["template"]["metadata"]["labels"]
    service, budget, scaler = (DOCUMENTS[kind] for kind in ("Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"))
    name = deployment["metadata"]["name"]
    metrics = {each["pods"]["metric"]["name"]: each["pods"]["target"] for each in scaler["spec"]["metrics"]}
    least = max(2, plan["recommended"])

    yield from check_config(config)
    yield "every selector finds its pods", all(selector == labels for selector in (
        spec["selector"]["matchLabels"], service["spec"]["selector"], budget["spec"]["selector"]["matchLabels"],
        pod["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"]))
    yield "the network policy's and the pod monitor's do, too", set(
        by_hand("NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items()) <= set(labels.items())
    yield "they mount that config", pod["volumes"][0] == {
        "name": "config", "configMap": {"name": DOCUMENTS["ConfigMap"]["metadata"]["name"]}}
    yield "probes, security, options and times are those of configs/kubernetes", (
        all(container[key] == hand_container[key] for key in (
            "args", "ports", "startupProbe", "readinessProbe", "livenessProbe"))
        and all(container["securityContext"][key] == value for key, value in hand_container["securityContext"].items()))
    yield "and so is the pod", all(pod[key] == value for key, value in hand["spec"]["template"]["spec"].items() if key not in (
        "containers", "volumes", "topologySpreadConstraints"))
    yield "and its image, of this version", container["image"] == hand_container["image"]
    yield "it may use what it was tuned with", container["resources"] == resources(entry, config)
    yield "the autoscaler has the say over how many there are", "replicas" not in spec and scaler["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    yield "from those that the plan recommends on", scaler["spec"]["minReplicas"] == least
    yield "to twice as many", scaler["spec"]["maxReplicas"] == 2 * least
    yield "by the rate that the plan gives each", metrics["batchtune_requests_per_second"] == {
        "type": "AverageValue", "averageValue": "%dm" % (plan["more_above_rps_each"] * 1000)}
    yield "and by what is under way then", metrics["batchtune_under_way"] == {
        "type": "AverageValue", "averageValue": "%dm" % (plan["more_above_under_way_each"] * 1000)}
    yield "as fast as configs/kubernetes has it", scaler["spec"]["behavior"] == by_hand("HorizontalPodAutoscaler")["spec"]["behavior"]
    yield "as many may be away as the promise does without", budget["spec"]["maxUnavailable"] == max(1, least - plan["least"])
    yield "the service is as the plan's balancer wants it", service["spec"].get("clusterIP") == (
        "None" if plan["balancing"] == "least" else None)


def target(plan):
    """Of the two metrics the one that a whole number tells best."""
    by = {"rps": plan["more_above_rps_each"], "concurrency": plan["more_above_under_way_each"]}
    metric = max(("rps", "concurrency"), key=lambda each: math.floor(by[each]) / by[each])
    return metric, max(1, math.floor(by[metric]))


def check_service(plan, models):
    service = DOCUMENTS["InferenceService"]
    predictor, annotations = service["spec"]["predictor"], service["metadata"]["annotations"]
    least = max(2, plan["recommended"])
    problems = list(wrong(models, "V1beta1InferenceService", service, "InferenceService")) if models else []
    for problem in problems:
        print("# " + problem)
    yield ("KServe knows all of it" if models else "KServe knows all of it # SKIP KServe's models are not there: make deps-deployment",
           not problems)
    problems = pod_problems(predictor)
    for problem in problems:
        print("# " + problem)
    yield "and Kubernetes what is a pod's", not problems
    yield "it is a v1beta1 service", service["apiVersion"] == "serving.kserve.io/v1beta1"
    yield "of a name that KServe takes", service["metadata"]["name"].replace("-", "a").isalnum() and service["metadata"]["name"].islower()
    yield "replicas are the plan's", (predictor["minReplicas"], predictor["maxReplicas"]) == (least, 2 * least)
    yield "and what they scale by", (predictor["scaleMetric"], predictor["scaleTarget"]) == target(plan)
    yield "of which Knative takes all", (annotations["serving.kserve.io/deploymentMode"] == "Serverless"
                                         and annotations["autoscaling.knative.dev/target-utilization-percentage"] == "100")
    yield "the batcher gets as many at a time as come", predictor["containerConcurrency"] == 0


def check_kserve(plan, config, models):
    predictor = DOCUMENTS["InferenceService"]["spec"]["predictor"]
    (container,) = predictor["containers"]
    (hand,) = by_hand("Deployment")["spec"]["template"]["spec"]["containers"]
    yield from check_config(config)
    yield from check_service(plan, models)
    yield "its container is called as KServe wants it", container["name"] == "kserve-container"
    yield "and speaks the second protocol", container["env"] == [{"name": "PROTOCOL", "value": "v2"}]
    yield "at the image's port, which has no name", container["ports"] == [{"containerPort": 8000, "protocol": "TCP"}]
    yield "probes are those of configs/kubernetes", all(
        container[probe] == with_ports(hand[probe], 8000) for probe in ("readinessProbe", "livenessProbe"))
    yield "it may use what it was tuned with", container["resources"] == resources(config["configurations"][plan["model"]], config)
    yield "and mounts that config", predictor["volumes"][0]["configMap"]["name"] == DOCUMENTS["ConfigMap"]["metadata"]["name"]


def check_triton(plan, config, models):
    model = DOCUMENTS["InferenceService"]["spec"]["predictor"]["model"]
    yield from check_service(plan, models)
    yield "Triton serves it, by the second protocol", (model["modelFormat"], model["runtime"], model["protocolVersion"]) == (
        {"name": "triton"}, "kserve-tritonserver", "v2")
    yield "from where it was said to lie", model["storageUri"] == "s3://models/hrnet"
    yield "in the image that was named", model["image"] == "registry.example.org/tritonserver:24.10"
    yield "and may use what was tuned", model["resources"] == resources(config["configurations"][plan["model"]], config)


def main():
    held = json.loads(DOCUMENTS["ConfigMap"]["data"]["production_batch_config.json"]) if "ConfigMap" in DOCUMENTS else None
    if WHAT == "config":
        print(json.dumps(held))
        return 0
    if WHAT == "name":
        print(ascii(next(iter(held["configurations"]))))
        return 0
    with open(sys.argv[4], encoding="utf-8") as file:
        (plan,) = json.load(file)
    with open(sys.argv[5], encoding="utf-8") as file:
        config = json.load(file)
    checks = {"deployment": lambda: check_deployment(plan, config), "kserve": lambda: check_kserve(plan, config, kserve_models()),
              "triton": lambda: check_triton(plan, config, kserve_models())}[WHAT]()
    count = failed = 0
    for name, good in checks:
        count += 1
        failed += not good
        name, skipped = name.split(" # SKIP ") if " # SKIP " in name else (name, None)
        print("ok %d # SKIP %s" % (count, skipped) if skipped else "%sok %d - %s" % ("" if good else "not ", count, name))
    print("1..%d" % count)
    return failed > 0


sys.exit(main())
