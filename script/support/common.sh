# shellcheck shell=bash
# Sourced by the scripts one folder up: where things are, how to speak, and which Ruby is meant.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# Files here are UTF-8, whatever a bare environment makes Ruby believe.
export LANG=${LC_ALL:-${LANG:-C.UTF-8}}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

fail() {
  say "$@"
  exit 1
}

# The comment at the top of the script, as its help.
usage() { sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; }

# Cargo finds its Ruby by RUBY, and everything it makes for one Ruby goes to a folder of that Ruby,
# so that two of them can share a checkout without building each other's work anew.
use_ruby() {
  RUBY=$(command -v ruby) || fail "ruby is missing; run script/bootstrap"
  local abi
  abi=ruby-$("$RUBY" -e 'print RUBY_VERSION[/\d+\.\d+/]')
  case ${CARGO_TARGET_DIR:=$root/target} in
    */"$abi") ;;
    *) CARGO_TARGET_DIR=$CARGO_TARGET_DIR/$abi ;;
  esac
  export RUBY CARGO_TARGET_DIR
}

use_cargo() {
  # rustup writes this file, and a shell that was open before does not have its folder on PATH.
  # shellcheck source=/dev/null
  [[ -n $(command -v cargo) || ! -r ${HOME-}/.cargo/env ]] || . "$HOME/.cargo/env"
  [[ -n $(command -v cargo) ]] || fail "cargo is missing; install Rust from https://rustup.rs and run this again"
}
