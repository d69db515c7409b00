# A network of one's own, exported by the example script in both forms, tuned, tested and shown like the built-in ones.
. tests/lib/tap.sh
[ -e .deps/python.stamp ] || skip_all "torch's Python part is not set up: make deps-python"
root=$PWD
programs=$PWD/$bin
script=tools/python/export_example.py
made=${O:-build}/models

# Compiling takes a minute of a core, so that what is newer than the script and the torch behind it is kept.
if [ ! "$made/mine.json" -nt "$script" ] || [ ! "$made/mine.json" -nt .deps/python.stamp ]; then
    rm -rf "$made"
    RUN_TIMEOUT_S=800 run env TORCHINDUCTOR_CACHE_DIR="$root/${O:-build}/inductor" tools/setup/torch-python "$script" "$made"
    exits 0 'the example exports TorchScript and packages' || {
        done_testing
        exit 1
    }
fi
# What is wrong with a network in each way.
cat >"$scratch/wrong.py" <<'PYTHON'
import sys
import torch


class Base(torch.nn.Module):
    def __init__(self, takes: int = 3, gives: int = 1):
        super().__init__()
        self.layer = torch.nn.Conv2d(takes, gives, 3, padding=1)

    def forward(self, x):
        return self.layer(x)


class Pair(Base):
    def forward(self, x):
        return self.layer(x), x


class Small(Base):
    def forward(self, x):
        return self.layer(x)[:, :, ::2, ::2]


class Whole(Base):
    def forward(self, x):
        return self.layer(x).int()


class Double(Base):
    def forward(self, x):
        return self.layer(x).double()


class Alone(Base):
    def forward(self, x):
        return self.layer(x).view(1, 1, 64, 64)


folder = sys.argv[1]
torch.manual_seed(1)
networks = {"pair": Pair(), "small": Small(), "whole": Whole(), "double": Double(), "alone": Alone()}
networks.update(two=Base(gives=2), four=Base(takes=4))
for name, network in networks.items():
    torch.jit.script(network.eval()).save(f"{folder}/{name}.pt")
torch.save(Base().state_dict(), f"{folder}/state.pt")
torch.export.save(torch.export.export(Base().eval(), (torch.zeros(1, 3, 64, 64),)), f"{folder}/exported.pt2")
PYTHON
RUN_TIMEOUT_S=300 run tools/setup/torch-python -W ignore "$scratch/wrong.py" "$scratch"
exits 0 'networks with a fault each are made'

cp "$made"/mine* "$scratch/"
cd "$scratch" || exit 1

# One thread, so that a busy machine does not make two wait for each other.
tune() { run "$programs/optimize-batch" --quiet --threads 1 --instances 1 --output c.json "$@"; }
entry() { json c.json ".configurations.$1"; }

# --- both forms in one run
cp mine.pt script.pt
cp mine.json script.json
cp mine.json packed.json
tune --model-file 'script=script.pt,packed=mine-{batch}.pt2' --batches 1,2,3,4 --time-budget 60s
exits 0 'a TorchScript file and packages are tuned in one run, by --model-file alone'
is "$(entry script.model_file)" "$scratch/script.pt" 'the config keeps the file from the root'
is "$(entry packed.model_file)" "$scratch/mine-{batch}.pt2" 'and the pattern'
is "$(entry script.image_size) $(entry packed.image_size)" '64 64' 'the size is that of NAME.json, over the profile'
sizes() { entry "$1.points" | grep -o '"batch_size":[0-9]*' | cut -d : -f 2 | sort | tr '\n' ' '; }
is "$(sizes packed)" '1 2 4 ' 'of packages, the sizes that there are are tried and no other'
is "$(sizes script)" '1 2 3 4 ' 'TorchScript takes any'
record=$(ls -d results/*/)record.json
for model in 0 1; do
    is "$(json "$record" .models.$model.points | grep -o '"mask_iou":[0-9a-z.]*' | grep -v -c -E ':(1|1\.0|0\.99[0-9]*)$')" 0 \
        "model $model's masks agree with its standard path's"
    is "$(json "$record" .models.$model.trained_weights)" true 'and are judged'
done
grep -q 'packed: has packages for batches of 1, 2, 4' "$(dirname "$record")/log.txt"
ok $? 'which is said'
is "$(json "$record" .models.1.precision)" baked "a package's precision is its own"

# --- served and shown from the config alone
run "$programs/test-production" --quiet --config c.json --scenarios single --duration 1s
like "$status" '^[034]$' 'test-production serves both from the config'
load=$(ls -d results/*-test/)record.json
is "$(json "$load" .models.0.model) $(json "$load" .models.1.weights)" 'script mine-{batch}.pt2' 'under their names, by their files'
is "$(json "$load" .scenarios | grep -o '"lost":[0-9]*' | sort -u)" '"lost":0' 'and loses no request'
run "$programs/test-production" --quiet --config c.json --models packed --instances 2x1 --scenarios single --duration 1s
is "$(printf '%s\n' "$err" | grep -c 'standard path is the package of the smallest batch')" 1 'what is to be known of a package is said once, whatever the instances'
run "$programs/show-batch-config" --config c.json --verify
says 'weights +script\.pt, .*/script\.pt: the same contents' 'show-batch-config knows the file'
says 'weights +mine-\{batch\}\.pt2, .*: the same contents' 'and the packages'
cp pair.pt script.pt
mv mine-4.pt2 away.pt2
run "$programs/show-batch-config" --config c.json
says 'script\.pt: [0-9]+ bytes, here [0-9]+' 'it says that a file is another one now'
says 'mine-\{batch\}\.pt2: [0-9]+ bytes, here [0-9]+' 'and that a package is missing'
run "$programs/test-production" --quiet --config c.json --models script --scenarios single --duration 1s
refuses 'script.*script\.pt: gives a Tuple' 'what is served is checked as what is tuned'
mv away.pt2 mine-4.pt2
run "$programs/test-production" --quiet --config c.json --models script --model-file script=mine.pt --scenarios single --duration 1s
like "$status" '^[034]$' '--model-file serves another file under the name'

# --- a lone package
tune --model-file alone4=mine-4.pt2 --image-size 64 --time-budget 3s
like "$status" '^[04]$' 'a package without {batch} is tuned'
is "$(json "$(ls -td results/*optimize*/ | head -n 1)record.json" .models.0.points | grep -o '"batch_size":[0-9]*')" '"batch_size":4' \
    'at the one batch size that it is of'
tune --model-file alone4=mine-4.pt2 --image-size 64 --batches 1,2
refuses '--batches: alone4 has packages for batches of 4 alone' 'another is refused'
# Weights by chance: how far two precisions agree on masks made with them says nothing.
tune --model-file double=double.pt --image-size 64 --batches 1 --time-budget 2s --min-mask-iou 0
exits 0 'logits of another float type are taken'

# --- bad input
refuse() {
    local file=$1 pattern=$2 name=$3
    shift 3
    tune --model-file "wrong=$file" --image-size 64 --time-budget 1s "$@"
    refuses "$pattern" "$name"
}
refuse pair.pt 'pair\.pt: gives a Tuple' 'a network that gives a tuple'
refuse small.pt 'small\.pt: gives 1 x 1 x 32 x 32 .* 1 x 1 x 64 x 64 are wanted' 'one that gives another size'
refuse two.pt 'two\.pt: gives 1 x 2 x 64 x 64' 'two channels'
refuse four.pt 'four\.pt: does not run on images of 1 x 3 x 64 x 64: .*4 channels' 'one that takes four'
refuse whole.pt 'whole\.pt: gives numbers of type Int' 'whole numbers'
refuse state.pt 'state\.pt: weights without a program' 'weights alone'
refuse exported.pt2 'exported\.pt2: an exported program that is not compiled' 'a program that is not compiled'
refuse 'mine-{batch}.pt2' 'mine-1\.pt2: does not run on images of 1 x 3 x 96 x 96: .*expected: 64' 'packages of another image size' \
    --image-size 96
refuse mine.pt 'wrong is a file of its own, which libtorch runs' 'the plan cannot' --backend plan
head -c 900000 mine-2.pt2 >cut.pt2
refuse cut.pt2 'cut\.pt2: an archive that is broken or cut short' 'a package that was cut short'
cp mine-2.pt2 bad.pt2
printf 'xxxxxxxx' | dd of=bad.pt2 bs=1 seek=700000 conv=notrunc 2>/dev/null
refuse bad.pt2 'bad\.pt2: damaged' 'a package with wrong bytes in it'
cp mine-2.pt2 package.pt
refuse package.pt 'package\.pt: an AOTInductor package: its name must end in \.pt2' 'a package under the other name'
tune --model-file whole=alone.pt --image-size 64 --batches 1,2 --time-budget 3s --min-mask-iou 0
exits 0 'a traced batch size costs the other sizes and not the run'
done_testing
