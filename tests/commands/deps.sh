# Set-up, tried on small wheels of its own making: no network, a cache and a checkout in a scratch folder.
. tests/lib/tap.sh
python=${PYTHON:-python3}
"$python" -m pip --version >/dev/null 2>&1 || skip_all 'no pip here (libtorch was not fetched by it)'
plan 35

# A wheel of a few bytes: make_wheel NAME VERSION TAG FILE...
make_wheel() {
    local name=$1 version=$2 tag=$3 info=$1-$2.dist-info folder=$scratch/wheel
    shift 3
    rm -rf "$folder"
    mkdir -p "$folder/$info"
    printf 'Metadata-Version: 2.1\nName: %s\nVersion: %s\n' "$name" "$version" >"$folder/$info/METADATA"
    printf 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: %s\n' "$tag" >"$folder/$info/WHEEL"
    : >"$folder/$info/RECORD"
    local file
    for file in "$@"; do
        mkdir -p "$folder/$(dirname "$file")"
        echo "$file of $version" >"$folder/$file"
    done
    [ "$name" != torch ] || echo "__version__ = '$version+cu0'" >"$folder/torch/version.py"
    (cd "$folder" && "$python" -m zipfile -c "$links/$name-$version-$tag.whl" ./*)
}

# What wheels.txt says of it: describe TREE NAME VERSION TAG
describe() {
    local file=${2//-/_}-$3-$4.whl
    echo "$1 $2 $3 $(sha256sum "$links/$file" | cut -d ' ' -f 1) $(stat -c %s "$links/$file") 1000 $file"
}

links=$scratch/links
checkout=$scratch/checkout
mkdir -p "$links" "$checkout/tools"
cp -r tools/setup "$checkout/tools/"
make_wheel torch 2.15.0 cp311-cp311-manylinux_2_28_x86_64 torch/lib/libtorch_cpu.so
make_wheel nvidia_runtime 13.2 py3-none-manylinux_2_25_x86_64 nvidia/cu13/lib/libcudart.so
make_wheel nvidia_blas 13.2 py3-none-manylinux_2_18_x86_64 nvidia/cu13/lib/libcublas.so
{
    echo '# tree name version sha256 bytes unpacked_bytes file'
    describe torch torch 2.15.0 cp311-cp311-manylinux_2_28_x86_64
    describe nvidia nvidia-runtime 13.2 py3-none-manylinux_2_25_x86_64
    describe cuda nvidia-blas 13.2 py3-none-manylinux_2_18_x86_64
} >"$checkout/tools/setup/wheels.txt"

# No driver, whatever this machine has: a copy of the question with another answer.
no_driver='has_nvidia_driver() { [ -e "$PWD/driver" ]; }'
echo "$no_driver" >>"$checkout/tools/setup/libtorch.sh"

# deps PART...: with `settings` in its environment
deps() {
    run env "${apart[@]}" "${settings[@]}" "$checkout/tools/setup/deps.sh" "$@"
}
apart=(-u LIBTORCH -u OFFLINE HOME="$scratch" XDG_CACHE_HOME="$scratch/cache" PIP_NO_INDEX=1 PIP_FIND_LINKS="$links"
    PYTHON="$python" PYTHON_TORCH=no RETRY_PAUSE_S=0)
settings=()
cache=$scratch/cache/batchtune
torch_wheel=torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl

settings=(OFFLINE=1)
deps torch
exits 1 'offline with an empty cache is a failure'
is "$(printf '%s\n' "$err" | grep -c 'is missing')" 2 'with one line for each missing wheel'
says_error "$torch_wheel is missing: put it into" 'that says where it belongs'

settings=()
deps torch
exits 0 'a fresh machine is set up'
says 'will download torch 2\.15\.0' 'what will be downloaded is said first'
is "$(cat "$checkout/.deps/torch/lib/libtorch_cpu.so")" 'torch/lib/libtorch_cpu.so of 2.15.0' 'torch is unpacked'
[ -e "$checkout/.deps/nvidia/cu13/lib/libcudart.so" ]
ok $? 'nvidia lies beside it'
[ ! -e "$checkout/.deps/nvidia/cu13/lib/libcublas.so" ]
ok $? 'without a driver the libraries for a GPU stay away'
is "$(cat "$checkout/.deps/torch.stamp")" "2.15.0 .deps $checkout/.deps/torch" 'the stamp says version, origin and folder'

before=$(stat -c %y "$checkout/.deps/torch.stamp")
deps torch
exits 0 'a second run is good'
is "$(printf '%s\n' "$out" | wc -l) $err" '1 ' 'and says one line'
is "$(stat -c %y "$checkout/.deps/torch.stamp")" "$before" 'and leaves the stamp alone'
deps --quiet torch
is "$out$err" '' '--quiet says nothing then'

rm -rf "$checkout/.deps"
mv "$links" "$links.away"
deps torch
exits 0 'another checkout takes the wheels from the cache'
unlike "$out" 'downloading' 'without a download'
rm -rf "$checkout/.deps"
settings=(OFFLINE=1)
deps torch
exits 0 'offline as well'
mv "$links.away" "$links"

printf 'x' | dd of="$cache/$torch_wheel" bs=1 seek=40 conv=notrunc 2>/dev/null
rm -rf "$checkout/.deps"
deps torch
exits 1 'a corrupt cached wheel is refused offline'
[ ! -e "$checkout/.deps/torch" ]
ok $? 'and not unpacked'
settings=()
cp "$links/$torch_wheel" "$cache/"
printf 'x' | dd of="$cache/$torch_wheel" bs=1 seek=40 conv=notrunc 2>/dev/null
deps torch
exits 0 'a corrupt cached wheel is fetched again'
says_error 'wrong checksum: thrown away' 'and said to be'

# What a killed run leaves: a folder half unpacked, a tree without its mark, a download under way.
mkdir -p "$checkout/.deps/tmp.1/torch" "$cache/fetch.1"
rm "$checkout/.deps/torch.wheels" "$checkout/.deps/torch/lib/libtorch_cpu.so"
deps torch
exits 0 'a half-unpacked wheel is unpacked anew'
[ -e "$checkout/.deps/torch/lib/libtorch_cpu.so" ] && [ ! -e "$checkout/.deps/tmp.1" ] && [ ! -e "$cache/fetch.1" ]
ok $? 'and what was left over is gone'

touch "$checkout/driver"
deps torch
says 'will download nvidia-blas 13\.2' 'a driver that appears brings the libraries for a GPU'
[ -e "$checkout/.deps/nvidia/cu13/lib/libcublas.so" ] && [ -e "$checkout/.deps/nvidia/cu13/lib/libcudart.so" ]
ok $? 'beside those that were there'
sed -i 1d "$checkout/.deps/nvidia.wheels"
deps torch
says 'unpacking \.deps/nvidia' 'a tree is unpacked anew whichever of its wheels it lacks'
rm "$checkout/driver"
deps torch
says 'everything is there' 'and when it goes they may stay'

rm -rf "$checkout/.deps" "$scratch/cache"
env "${apart[@]}" "$checkout/tools/setup/deps.sh" torch >"$scratch/other" 2>&1 &
other=$!
deps torch
wait "$other" && [ -e "$checkout/.deps/torch.wheels" ] && [ -e "$checkout/.deps/nvidia.wheels" ] && [ "$status" = 0 ]
ok $? 'two runs at once do not disturb each other'

sed -i 's/^torch torch 2.15.0 [0-9a-f]*/torch torch 2.15.0 '"$(printf '0%.0s' $(seq 64))"'/' "$checkout/tools/setup/wheels.txt"
rm -rf "$checkout/.deps" "$scratch/cache"
deps torch
exits 1 'a download with another checksum is refused'
is "$(printf '%s\n' "$err" | grep -c 'came with a wrong checksum')" 3 'after three tries'
[ ! -e "$checkout/.deps/torch" ] && [ ! -e "$cache/$torch_wheel" ]
ok $? 'and neither kept nor unpacked'

own=$scratch/own
mkdir -p "$own/lib"
settings=(LIBTORCH="$own")
deps torch
says_error 'holds no libtorch' 'a LIBTORCH without libtorch is refused'
touch "$own/lib/libtorch_cpu.so"
echo '2.10.1+cpu' >"$own/build-version"
deps torch
says_error 'is libtorch 2\.10\.1; 2\.11 or newer is needed' 'one that is too old too, with its version'
echo '2.11.0+cpu' >"$own/build-version"
deps torch
exits 0 'a good one is used'
is "$(cat "$checkout/.deps/torch.stamp")" "2.11.0 LIBTORCH $own" 'and written down'

settings=()
deps nonsense
exits 2 'an unknown part is bad usage'
