#!/bin/sh
# probe: serves
#
# Asks inside a Linux machine one of the user's own probes: a TCP port, an HTTP address, or a script of the user's.
# Run command hands parameters over as variables, or as arguments in this order; - stands for nothing:
#   kind             tcp, http or command
#   seconds          how long it may take
#   target_host, target_port
#   scheme, location, site, verify   of http: http or https, the path, the name of the site, yes or no
#   wanted           of http: base64 of the text that the answer has to hold
#   script           of command: base64 of the user's script
#   arguments        of command: comma separated, each a dot and its base64
# What the user's script prints comes first, cut to its end; the last line is JSON.
# Everything that it meets is data: only the user's script is ever run as code. POSIX sh; curl for http.

kind=${kind:-${1:--}}
seconds=${seconds:-${2:--}}
target_host=${target_host:-${3:--}} target_port=${target_port:-${4:--}}
scheme=${scheme:-${5:--}} location=${location:-${6:--}} site=${site:-${7:--}} verify=${verify:-${8:--}}
wanted=${wanted:-${9:--}}
[ $# -gt 9 ] && shift 9 || set --
script=${script:-${1:--}} arguments=${arguments:-${2:--}}
case $seconds in '' | 0* | *[!0-9]* | ????*) seconds=10 ;; esac
case $target_host in -?* | *[!A-Za-z0-9.:-]*) target_host=- ;; esac
case $target_port in *[!0-9]* | ??????*) target_port=- ;; esac
case $site in -?* | *[!A-Za-z0-9.-]*) site=- ;; esac
LC_ALL=C
export LC_ALL
umask 077
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

have() { command -v "$1" >/dev/null 2>&1; }

limited() { if have timeout; then timeout -k 2 "$seconds" "$@"; else "$@"; fi; }

plain_of() { printf '%s' "$1" | base64 -d 2>/dev/null; }

ask_tcp() {
  if have bash; then
    said=$(limited bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$target_host" "$target_port" 2>&1)
    code=$?
  elif have nc; then
    said=$(limited nc -z -w "$seconds" "$target_host" "$target_port" 2>&1)
    code=$?
  else
    said='' code=none
  fi
  case $code$said in
    0*) result=ok ;;
    none*) result=unknown ;;
    124* | 137* | *'timed out'*) result=timeout ;;
    *'ot known'* | *'name resolution'* | *'resolve'*) result=dns ;;
    *'refused'*) result=refused ;;
    *) result=unreachable ;;
  esac
  printf '{"probe": "tcp", "result": "%s"}\n' "$result"
}

ask_http() {
  if ! have curl; then printf '{"probe": "http", "result": "unknown"}\n'; return; fi
  case $target_host in *:*) address="[$target_host]" ;; *) address=$target_host ;; esac
  set -- --silent --noproxy '*' --max-time "$seconds" --dump-header "$folder/head"
  [ "$verify" = no ] && set -- "$@" --insecure
  name=$address
  if [ "$site" != - ]; then
    name=$site
    set -- "$@" --connect-to "::$address:$target_port"
  fi
  { curl "$@" --globoff "$scheme://$name:$target_port$location" 2>/dev/null; printf '%s' $? >"$folder/code"; } |
    head -c 65536 >"$folder/body"
  code=$(cat "$folder/code")
  status=$(sed -n 's/^HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/\1/p' "$folder/head" 2>/dev/null | tail -n 1)
  case $code in
    0 | 18 | 23) result=ok ;;
    6) result=dns ;;
    7) result=refused ;;
    28) result=timeout ;;
    35 | 51 | 53 | 54 | 58 | 59 | 60 | 64 | 66 | 77 | 80 | 82 | 83 | 90 | 91) result=tls ;;
    52) result=empty ;;
    *) result=failed ;;
  esac
  # The answer began, so that its status counts, even where the rest of a long one stays away.
  [ -n "$status" ] && [ "$code" = 28 ] && result=ok
  [ "$result" = ok ] && [ -z "$status" ] && result=failed
  holds=unasked
  if [ "$wanted" != - ]; then
    holds=no
    grep -qF -- "$(plain_of "$wanted")" "$folder/body" && holds=yes
  fi
  printf '{"probe": "http", "result": "%s", "status": %s, "contains": "%s"}\n' "$result" "${status:-0}" "$holds"
}

run_command() {
  plain_of "$script" >"$folder/script"
  set --
  rest=$arguments,
  [ "$arguments" = - ] && rest=''
  while [ -n "$rest" ]; do
    one=${rest%%,*} rest=${rest#*,}
    case $one in .*) set -- "$@" "$(plain_of "${one#.}")" ;; esac
  done
  first=$(head -n 1 "$folder/script" | tr -d '\r')
  case $first in '#!'*) runner=${first#??} ;; *) runner=sh ;; esac
  unset kind scheme location site verify wanted script arguments target_host target_port
  set -f
  # shellcheck disable=SC2086 # the interpreter of a script may have an argument
  (cd / && limited $runner "$folder/script" "$@") >"$folder/out" 2>&1 </dev/null
  code=$?
  set +f
  tail -c 1500 "$folder/out"
  printf '\n{"probe": "command", "exit_code": %s}\n' "$code"
}

case $kind in
  tcp) ask_tcp ;;
  http) ask_http ;;
  command) run_command ;;
esac
