"""What configs/kubernetes says agrees with itself, the image and the program. Needs PyYAML: `make deps-deployment`.

    test_manifests.py ROOT manifests PAGE    speaks TAP; PAGE is what a server says to /metrics
    test_manifests.py ROOT paths             the paths that are asked, a line each; `path PROBE`: that of a probe
    test_manifests.py ROOT arguments         what serve-production is started with
    test_manifests.py ROOT rules             the autoscalers' queries as a file of rules, for promtool
    test_manifests.py ROOT cases             and a test of them
"""

import glob
import json
import os
import re
import sys

import yaml

ROOT, WHAT = sys.argv[1:3]
FOLDER = os.path.join(ROOT, "configs", "kubernetes")
SERIES = re.compile(r"\bbatchtune_[a-z0-9_]+")


def text(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def documents():
    found = {}
    for file in sorted(glob.glob(FOLDER + "/*.yaml")):
        for document in yaml.safe_load_all(text(file)):
            found[document.get("kind", os.path.basename(file))] = document
    return found


ALL = documents()
DEPLOYMENT = ALL["Deployment"]["spec"]
POD = DEPLOYMENT["template"]["spec"]
LABELS = DEPLOYMENT["template"]["metadata"]["labels"]
CONTAINER = POD["containers"][0]
PORTS = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
PROBES = ["startupProbe", "readinessProbe", "livenessProbe"]
ENDPOINT = ALL["PodMonitor"]["spec"]["podMetricsEndpoints"][0]
RULES = ALL["prometheus-adapter.yaml"]["rules"]["custom"]
TRIGGERS = ALL["ScaledObject"]["spec"]["triggers"]


def dockerfile(word):
    joined = re.sub(r"\\\n\s*", " ", text("packaging", "docker", "Dockerfile"))
    return re.search("^%s (.*)" % word, joined, re.M).group(1)


def entrypoint():
    return json.loads(dockerfile("ENTRYPOINT"))[1:]


def option(name, arguments):
    return arguments[arguments.index(name) + 1]


def adapted(rule):
    """A query of prometheus-adapter as it sends it."""
    series, matchers = rule["seriesQuery"].rstrip("}").split("{")
    query = rule["metricsQuery"].replace("<<.Series>>", series).replace("<<.GroupBy>>", "pod")
    return query.replace("<<.LabelMatchers>>", 'namespace="batchtune",pod=~"a|b"'), matchers


def queries():
    """By the name that a rule gets for it."""
    found = {rule["name"]["as"]: adapted(rule)[0] for rule in RULES}
    found.update(("keda_%d" % number, trigger["metadata"]["query"]) for number, trigger in enumerate(TRIGGERS))
    return found


def write_rules():
    rules = [{"record": name, "expr": query} for name, query in queries().items()]
    print(json.dumps({"groups": [{"name": "autoscalers", "rules": rules}]}))  # JSON is YAML


def write_cases():
    """Two pods, a with two models: 70 % and 20 % of the capacity used; 30 of 100 wait at b; 300 and 150 requests a minute;
    P95 is 80 % of a promise."""
    where = '{namespace="batchtune",pod="%s",model="%s"%s}'

    def series(name, pod, model, values, more=""):
        return {"series": name + where % (pod, model, more), "values": values}

    busy = [series("batchtune_headroom_ratio", "a", "hrnet", "0.3x10"), series("batchtune_headroom_ratio", "a", "mine", "0.9x10"),
            series("batchtune_headroom_ratio", "b", "hrnet", "0.8x10"),
            series("batchtune_queue_size", "a", "hrnet", "0x10"), series("batchtune_queue_limit", "a", "hrnet", "100x10"),
            series("batchtune_queue_size", "b", "hrnet", "30x10"), series("batchtune_queue_limit", "b", "hrnet", "100x10")]
    busy += [series("batchtune_submitted_total", "a", "hrnet", "0+300x10"), series("batchtune_submitted_total", "b", "hrnet", "0+150x10"),
             series("batchtune_in_flight", "a", "hrnet", "4x10"), series("batchtune_in_flight", "b", "hrnet", "1.5x10")]
    late = [series("batchtune_sla_p95_seconds", pod, "hrnet", "0.1x10") for pod in "ab"]
    late += [series("batchtune_request_latency_seconds_bucket", pod, "hrnet", values, ',le="%s"' % le)
             for pod in "ab" for le, values in (("0.04", "0+0x10"), ("0.08", "0+95x10"), ("+Inf", "0+100x10"))]
    idle = [series("batchtune_sla_p95_seconds", "a", "hrnet", "0.1x10")]
    idle += [series("batchtune_request_latency_seconds_bucket", "a", "hrnet", "7x10", ',le="%s"' % le) for le in ("0.1", "+Inf")]

    def case(given, expected):
        tests = [{"expr": "round(%s, 0.001)" % name, "eval_time": "8m", "exp_samples": [
            {"labels": labels, "value": value} for labels, value in samples]} for name, samples in expected.items()]
        return {"interval": "1m", "input_series": given, "promql_expr_test": tests}

    print(json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [
        case(busy, {"batchtune_load_ratio": [('{pod="a"}', 0.7), ('{pod="b"}', 0.2)],
                    "batchtune_queue_ratio": [('{pod="a"}', 0), ('{pod="b"}', 0.3)],
                    "batchtune_requests_per_second": [('{pod="a"}', 5), ('{pod="b"}', 2.5)],
                    "batchtune_under_way": [('{pod="a"}', 4), ('{pod="b"}', 1.5)],
                    "keda_0": [("{}", 0.9)], "keda_1": [("{}", 0.3)], "keda_2": [("{}", 0)]}),
        case(late, {"keda_2": [("{}", 0.8)]}), case(idle, {"keda_2": [("{}", 0)]})]}))


def restricted():
    """What Kubernetes's profile of that name asks of these pods."""
    pod, own = POD["securityContext"], CONTAINER["securityContext"]
    return (pod["runAsNonRoot"] and pod["seccompProfile"] == {"type": "RuntimeDefault"}
            and own["allowPrivilegeEscalation"] is False and own["capabilities"] == {"drop": ["ALL"]}
            and not {"hostNetwork", "hostPID", "hostIPC"} & set(POD) and all("hostPath" not in each for each in POD["volumes"]))


def within(found, allowed):
    return set(found) <= set(allowed.split())


def checks(page):
    version = text("VERSION").strip()
    arguments = entrypoint() + CONTAINER["args"]
    image, tag = CONTAINER["image"].split(":")
    (override,) = ALL["Kustomization"]["images"]
    stop_s = float(re.search(r"BT_HTTP_STOP_MS (\S+)", text("src", "http", "reload.h")).group(1)) / 1000
    startup_s = CONTAINER["startupProbe"]["periodSeconds"] * CONTAINER["startupProbe"]["failureThreshold"]
    unit_s = 60 * int(re.search(r"TimeoutStartSec=(\d+)min", text("configs", "systemd", "batchtune.service")).group(1))
    mount, volume = CONTAINER["volumeMounts"][0], POD["volumes"][0]
    generated = ALL["Kustomization"]["configMapGenerator"][0]
    selectors = [DEPLOYMENT["selector"], ALL["PodDisruptionBudget"]["spec"]["selector"], ALL["NetworkPolicy"]["spec"]["podSelector"],
                 ALL["PodMonitor"]["spec"]["selector"], POD["topologySpreadConstraints"][0]["labelSelector"],
                 {"matchLabels": ALL["Service"]["spec"]["selector"]}]
    named = [CONTAINER[probe]["httpGet"]["port"] for probe in PROBES] + [ALL["Service"]["spec"]["ports"][0]["targetPort"],
             ALL["NetworkPolicy"]["spec"]["ingress"][0]["ports"][0]["port"], ENDPOINT["port"]]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": ALL["Deployment"]["metadata"]["name"]}
    hpa, keda = ALL["HorizontalPodAutoscaler"]["spec"], ALL["ScaledObject"]["spec"]
    there = set(re.findall(r"^# TYPE (\S+)", page, re.M))
    files = sorted(glob.glob(FOLDER + "/*.yaml"))
    listed = ALL["Kustomization"]["resources"] + re.findall(r"# - (\S+\.yaml)", text(FOLDER, "kustomization.yaml"))

    yield "each file says first what it is for", all(text(file).startswith("# ") for file in files)
    yield "each is one of the kustomization's, or values for a chart", set(listed) == {
        os.path.basename(file) for file in files} - {"kustomization.yaml", "prometheus-adapter.yaml"}
    yield "all are of one namespace, which asks for what they keep", {
        document["metadata"].get("namespace", document["metadata"]["name"]) for document in ALL.values()
        if "metadata" in document} == {ALL["Kustomization"]["namespace"]} and ALL["Namespace"]["metadata"]["labels"][
            "pod-security.kubernetes.io/enforce"] == "restricted"
    yield "the image is of this version", tag == version == override["newTag"] and override["name"] == image
    yield "pods keep the restricted profile", restricted()
    yield "and may write nowhere", CONTAINER["securityContext"]["readOnlyRootFilesystem"]
    yield "they run as the image's user", "%(runAsUser)d:%(runAsGroup)d" % POD["securityContext"] == dockerfile("USER")
    yield "every selector finds them", all(selector == {"matchLabels": LABELS} for selector in selectors)
    yield "every port that is named is the container's", set(named) == {"http"} == set(PORTS)
    yield "which is the image's", PORTS["http"] == int(dockerfile("EXPOSE")) == ALL["Service"]["spec"]["ports"][0]["port"]
    yield "the config lies where the image looks for it", option("--config", arguments) == (
        mount["mountPath"] + "/" + generated["files"][0]) and mount["name"] == volume["name"]
    yield "and is the one that is made", volume["configMap"]["name"] == generated["name"]
    yield "a pod has time to drain and to answer", POD["terminationGracePeriodSeconds"] >= (
        float(option("--drain-seconds", arguments)) + stop_s + 5)
    yield "and to become warm, as long as systemd gives it", startup_s == unit_s < DEPLOYMENT["progressDeadlineSeconds"]
    yield "it is not killed for what readiness asks", (
        CONTAINER["livenessProbe"]["httpGet"]["path"] != CONTAINER["readinessProbe"]["httpGet"]["path"])
    yield "no quota cuts in: what is asked for is the limit", CONTAINER["resources"]["requests"] == CONTAINER["resources"]["limits"]
    yield "the autoscaler scales them", hpa["scaleTargetRef"] == target
    yield "by metrics that the adapter makes", {each["pods"]["metric"]["name"] for each in hpa["metrics"]} | {
        "batchtune_requests_per_second", "batchtune_under_way"} == {rule["name"]["as"] for rule in RULES}
    yield "of series that have a namespace and a pod", all(
        adapted(rule)[1] == 'namespace!="",pod!=""' and set(rule["resources"]["overrides"]) == {"namespace", "pod"} for rule in RULES)
    yield "KEDA scales them, too", keda["scaleTargetRef"] == {"name": target["name"]}
    yield "both within the same bounds, as fast", (keda["minReplicaCount"], keda["maxReplicaCount"], keda["advanced"][
        "horizontalPodAutoscalerConfig"]["behavior"]) == (hpa["minReplicas"], hpa["maxReplicas"], hpa["behavior"])
    yield "KEDA has the fields that it is given", (
        ALL["ScaledObject"]["apiVersion"] == "keda.sh/v1alpha1"
        and within(keda, "scaleTargetRef pollingInterval minReplicaCount maxReplicaCount advanced triggers")
        and all(within(each, "type name metricType metadata") and each["type"] == "prometheus"
                and each.get("metricType", "AverageValue") in ("AverageValue", "Value")
                and set(each["metadata"]) == {"serverAddress", "query", "threshold"}
                and isinstance(each["metadata"]["threshold"], str) for each in TRIGGERS))
    yield "and the Prometheus operator", (
        ALL["PodMonitor"]["apiVersion"] == "monitoring.coreos.com/v1"
        and within(ALL["PodMonitor"]["spec"], "selector podMetricsEndpoints") and within(ENDPOINT, "port path interval"))
    for name, query in queries().items():
        names = [re.sub("_bucket$", "", each) for each in SERIES.findall(query)]
        yield "%s asks for what a server tells" % name, names and set(names) <= there


def check_manifests(page):
    count = failed = 0
    for name, good in checks(page):
        count += 1
        failed += not good
        print("%sok %d - %s" % ("" if good else "not ", count, name))
    print("1..%d" % count)
    return failed > 0


if WHAT == "manifests":
    sys.exit(check_manifests(text(os.path.abspath(sys.argv[3]))))
elif WHAT == "paths":
    print("\n".join(sorted({CONTAINER[probe]["httpGet"]["path"] for probe in PROBES} | {ENDPOINT["path"]})))
elif WHAT == "path":
    print(CONTAINER[sys.argv[3]]["httpGet"]["path"])
elif WHAT == "arguments":
    print(" ".join(entrypoint() + CONTAINER["args"]))
elif WHAT == "rules":
    write_rules()
elif WHAT == "cases":
    write_cases()
