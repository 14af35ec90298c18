# What every script needs: strict errors that name their line, the repository's root, and a JDK.
# shellcheck shell=bash
# Sourced by scripts/* and mvnw.

set -o errexit -o nounset -o pipefail
trap 'status=$?; echo "$(basename "$0"), line $LINENO: \"$BASH_COMMAND\" ended with status $status" >&2' ERR

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=$ROOT/.cache   # what the scripts make and may be deleted at any time

JAVA_MAJOR=25        # the oldest Java that will do

# Prints its arguments as a command, then runs them: what a script does is what one could type.
run() {
    printf '\033[2m+ %s\033[0m\n' "${*/#$ROOT\//}" >&2
    "$@"
}

# Ends the script with a message.
die() {
    trap - ERR
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 2
}

# The major Java version of the home $1, from its release file; nothing if it has none.
java_major() {
    sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release" 2>/dev/null || true
}

# Exports JAVA_HOME for a JDK (with javac) of JAVA_MAJOR or newer: the caller's if it will do, else the first found.
require_jdk() {
    local home found=() path
    path=$(command -v javac || true)
    [ -z "$path" ] || path=$(dirname "$(dirname "$(readlink -f "$path")")")
    for home in "${JAVA_HOME:-}" "$path" /usr/lib/jvm/* /usr/java/* /opt/java* /opt/jdk* \
            "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/*; do
        [ -x "$home/bin/javac" ] || continue
        if [ "$(java_major "$home" | grep . || echo 0)" -ge $JAVA_MAJOR ]; then
            export JAVA_HOME=$home
            return
        fi
        found+=("$home ($(java_major "$home"))")
    done
    die "no JDK $JAVA_MAJOR or newer found; looked at JAVA_HOME, javac on PATH, /usr/lib/jvm, /opt, ~/.sdkman.
Found too old: ${found[*]:-none}
Install one (a package such as temurin-25-jdk or openjdk-25-jdk-headless) or set JAVA_HOME."
}

# ---- what is already made --------------------------------------------------------------------------------------------

# One hash over the contents of files and folders (and of words that are neither).
fingerprint() {
    local item
    for item in "$@"; do
        if [ -e "$item" ]; then
            find "$item" -type f ! -path '*/target/*' ! -path '*/__pycache__/*' ! -path '*/jloop*/lib/*' -print0 |
                LC_ALL=C sort -z | xargs -0 --no-run-if-empty sha256sum
        else
            echo "$item"
        fi
    done | sha256sum | cut -c 1-32
}

# True if the stamp file $1 holds $2.
stamped() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }

# ---- Python ----------------------------------------------------------------------------------------------------------

# Prints "3.13 /path/of/python" for the interpreter $1, if it runs, is a CPython 3.10 to 3.14 and can make an environment.
describe_python() {
    "$1" -I -c '
import sys
import ensurepip, ssl, venv
version = sys.version_info
if (3, 10) <= version[:2] <= (3, 14) and version.releaselevel == "final" and sys.implementation.name == "cpython" \
        and "t" not in sys.abiflags:
    print("%d.%d" % version[:2], sys.executable)
' 2>/dev/null || true
}

# Prints "3.13 /path" for each version of CPython on this machine, the default python3 first, then by version.
list_pythons() {
    local python line version
    declare -A seen=()
    # pyenv's newest patch release of a version goes before what else is on PATH
    for python in python3 $(ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[0-4].*/bin/python 2>/dev/null | sort -rV) \
            python3.1{0,1,2,3,4} "$CACHE/python314/venv/bin/python"; do
        line=$(describe_python "$python")
        version=${line%% *}
        [ -n "$line" ] && [ -z "${seen[$version]:-}" ] || continue
        seen[$version]=1
        echo "$line"
    done | { read -r first && echo "$first"; sort -V; }
}

# "3.13 /path" a line, of those that the arguments name: versions, paths, `all`, `default` (python3), `oldest`, `newest`.
choose_pythons() {
    local word line found chosen=''
    found=$(list_pythons)
    [ -n "$found" ] || die "no CPython 3.10 to 3.14 with venv found"
    for word in "$@"; do
        case "$word" in
            all) line=$found ;;
            default) line=$(head -n 1 <<< "$found") ;;
            oldest) line=$(sort -V <<< "$found" | head -n 1) ;;
            newest) line=$(sort -V <<< "$found" | tail -n 1) ;;
            */*) line=$(describe_python "$word") ;;
            *) line=$(grep "^$word " <<< "$found" || true) ;;
        esac
        [ -n "$line" ] || die "no CPython $word here that can make an environment; found: $(cut -d ' ' -f 1 <<< "$found" | xargs)"
        chosen+=$line$'\n'
    done
    awk 'NF && !seen[$0]++' <<< "$chosen"
}

# Makes the environment $1 with the interpreter $2 and what the requirements file $3 pins, unless it is there already.
ensure_environment() {
    local folder=$1 python=$2 requirements=$3 want
    want=$(fingerprint "$python" "$("$python" --version)" "$ROOT/requirements")
    stamped "$folder/.made" "$want" && return
    rm -rf "$folder"
    run "$python" -m venv "$folder"
    run "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
    echo "$want" > "$folder/.made"
}

# Installs the built wheel into the environment $1, as a user would, unless that very wheel is there already, and makes
# its start-up cache. From then on jloop runs here as on a user's machine, with the Java runtime of the wheel's
# dependency and its cache, which is in the environment instead of the user's home.
install_wheel() {
    local folder=$1 wheel want
    unset JAVA_HOME
    export JLOOP_CACHE_DIR=$folder/cache JLOOP_AOT=use
    wheel=$(ls "$ROOT"/dist/jloop-*.whl)
    want=$(fingerprint "$wheel")
    stamped "$folder/.wheel" "$want" && return
    # pip would take the same version for the same wheel
    [ ! -e "$folder/.wheel" ] || "$folder/bin/python" -m pip uninstall --quiet --yes jloop
    run "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$wheel"
    run "$folder/bin/python" -m jloop cache --build || echo "no start-up cache: everything works, but starts slower" >&2
    echo "$want" > "$folder/.wheel"
}

# The environment with the tools that build and check: prints its Python.
ensure_tools() {
    local line
    line=$(list_pythons | sed -n 1p)
    [ -n "$line" ] || die "no CPython 3.10 to 3.14 with venv found (a package such as python3-venv may be missing)"
    ensure_environment "$ROOT/.venv/tools" "${line#* }" "$ROOT/requirements/tools.txt"
    echo "$ROOT/.venv/tools/bin/python"
}
