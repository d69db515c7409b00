#!/usr/bin/env bash
# configs/systemd: systemd takes the units as they are, their options are the program's, and they keep what docs/deploying.md says.
. tests/lib/tap.sh
[ -x "$(command -v systemd-analyze)" ] || skip_all 'systemd-analyze is not installed'
mkdir "$scratch/units"
cp configs/systemd/batchtune.* "$scratch/units"
sed -i "s|^ExecStart=/usr/bin|ExecStart=$(realpath "$bin")|" "$scratch/units/batchtune.service"
for unit in batchtune.socket batchtune.service; do
    run systemd-analyze verify --man=no "$scratch/units/$unit"
    exits 0 "$unit is taken"
    is "$out$err" '' 'without a word'
done
run "$bin/serve-production" $(sed -n 's/^ExecStart=[^ ]* //p' configs/systemd/batchtune.service) --help
exits 0 'the program has the options that it is started with'
run systemd-analyze security --offline=yes --threshold=20 configs/systemd/batchtune.service
exits 0 'its exposure is at most 2.0 of 10'
done_testing
