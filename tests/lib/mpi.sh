# What the tests of --mpi share: mpirun on one host, and the ranks that it started. Sourced after tap.sh.

# Several ranks on one host, as whoever runs the tests; without --bind-to none mpirun gives each of two one core.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mpi=(mpirun --oversubscribe --bind-to none)

# rank_of PROGRAM N: the process of that rank that runs in this script's folder.
rank_of() {
    local process
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/cwd")" = "$scratch" ] && grep -q "$1" "$process/comm" &&
            tr '\0' '\n' <"$process/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$2" && basename "$process" && return
    done 2>/dev/null
    return 1
}
