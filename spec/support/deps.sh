#!/bin/sh
# deps.sh GROUP...: installs what is missing of the Debian packages in the
# groups build, test, check and afl. With nothing missing it does nothing at all.
set -eu

build="gcc libc6-dev lua5.4 liblua5.4-dev lua-cjson pkg-config"
test="g++ lua-busted lua-cjson tmux"
check="clang libclang-rt-14-dev lua-check valgrind"
afl="afl++"

packages=
for group in "$@"; do
  eval "packages=\"\$packages \${$group}\""
done

if ! command -v dpkg-query >/dev/null 2>&1; then
  # Another system: its packages have other names, so only look.
  command -v "${LUA:-lua5.4}" >/dev/null 2>&1 ||
    echo "workerpool: this needs what Debian calls:$packages" >&2
  exit 0
fi

# A package that dpkg-query does not know at all counts as missing, too.
installed=$(dpkg-query -W -f='${db:Status-Status} ${binary:Package}\n' \
  $packages 2>/dev/null | sed -n 's/^installed \([^:]*\).*/\1/p') || true
missing=
for package in $packages; do
  case "
$installed
" in
    *"
$package
"*) ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "workerpool: please install, as root:$missing" >&2
    exit 1
  fi
  as_root="sudo"
fi

echo "installing:$missing"
apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 \
    "$@" </dev/null >"$log" 2>&1 ||
    { cat "$log" >&2; exit 1; }
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt update
apt install -y --no-install-recommends $missing
