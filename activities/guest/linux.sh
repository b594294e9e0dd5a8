#!/bin/sh
# probe: outbound, proxy, certificates, system, boot, disks
#
# Asks inside a Linux machine whether Site Recovery's agent would get out and trust what answers. It only looks.
# Run command hands parameters over as variables, or as arguments in this order:
#   endpoints        host:port,host:port,...
#   timeout_seconds  for each endpoint
# It prints JSON, an object a line. Everything that it meets is data: nothing of it is ever run as code.
# POSIX sh, with curl or else openssl; PROBE_ROOT is where a test keeps the files of the machine.

endpoints=${endpoints:-${1:-}}
timeout_seconds=${timeout_seconds:-${2:-10}}
root=${PROBE_ROOT:-}
case $timeout_seconds in '' | 0* | *[!0-9]* | ???*) timeout_seconds=10 ;; esac
LC_ALL=C
export LC_ALL

ROOTS='DigiCert Global Root CA
DigiCert Global Root G2
Microsoft RSA Root Certificate Authority 2017'

have() { command -v "$1" >/dev/null 2>&1; }

plain() { printf '%s' "$1" | tr -cd 'A-Za-z0-9 ._:/+~-' | cut -c1-100; }

# --- the proxy: Site Recovery reads its own file first, then the one of the system ---

proxy='' no_proxy_for='' proxy_login=no
from_file() { sed -n "s/^[[:space:]]*\(export[[:space:]]*\)*$2[[:space:]]*=[[:space:]]*//Ip" "$1" 2>/dev/null | tail -n 1 | tr -d "\"'\r"; }

find_proxy() {
  own=$root/usr/local/InMage/config/ProxyInfo.conf system=$root/etc/environment
  proxy=$(from_file "$own" Address) port=$(from_file "$own" Port)
  if [ -n "$proxy" ]; then
    case ${proxy#*://} in *:*) ;; *) [ -n "$port" ] && proxy=$proxy:$port ;; esac
  else
    proxy=$(from_file "$system" https_proxy)
    [ -n "$proxy" ] || proxy=$(from_file "$system" http_proxy)
    no_proxy_for=$(from_file "$system" no_proxy)
  fi
  case $proxy in
    *@*)
      proxy_login=yes
      case $proxy in *://*) proxy=${proxy%%://*}://${proxy##*@} ;; *) proxy=${proxy##*@} ;; esac
      ;;
  esac
}

# --- the way out: DNS, TCP and TLS to each endpoint ---

# Sets result: ok, dns, blocked, timeout, proxy, tls or unknown.
by_curl() {
  set -- "$1" "$2" --silent --ipv4 --output /dev/null --max-time "$timeout_seconds" \
    --write-out '%{http_connect} %{time_namelookup} %{time_connect} %{time_appconnect}'
  host=$1 port=$2
  shift 2
  if [ -n "$proxy" ]; then set -- "$@" --proxy "$proxy" --noproxy "$no_proxy_for"; else set -- "$@" --noproxy '*'; fi
  said=$(curl "$@" --head "https://$host:$port/" 2>/dev/null)
  code=$?
  shaken=${said##* } said=${said% *}
  connected=${said##* } said=${said% *}
  resolved=${said##* } through=${said%% *}
  case $code in
    0) result=ok ;;
    6) result=dns ;;
    5 | 97) result=proxy ;;
    7) result=blocked ;;
    28) result=timeout ;;
    35 | 51 | 53 | 54 | 58 | 59 | 60 | 64 | 66 | 77 | 80 | 82 | 83 | 90 | 91) result=tls ;;
    *) result=blocked ;;
  esac
  [ "$through" = 407 ] && result=proxy
  case $result in
    ok | dns | proxy) ;;
    tls) ;;
    *)
      # The handshake was done, so only the answer to our question stayed away; or the way was there and TLS was not.
      case $shaken in
        *[1-9]*) result=ok ;;
        *)
          case $connected in *[1-9]*) [ -z "$proxy" ] && result=tls ;; esac
          case $code$resolved in 28*[1-9]*) ;; 28*) [ -z "$proxy" ] && result=dns ;; esac
          ;;
      esac
      ;;
  esac
}

limited() { if have timeout; then timeout "$timeout_seconds" "$@"; else "$@"; fi; }

by_openssl() {
  if [ -z "$proxy" ] && have getent && ! limited getent hosts "$1" >/dev/null 2>&1; then result=dns; return; fi
  through=${proxy#*://}
  said=$(limited openssl s_client -connect "$1:$2" -servername "$1" ${through:+-proxy "${through%%/*}"} 2>&1 </dev/null)
  code=$?
  case $said in
    *' 407'* | *'roxy Authentication'*) result=proxy ;;
    *'ame or service not known'* | *'failure in name resolution'*) result=dns ;;
    *'no peer certificate'* | *'Cipher is (NONE)'*)
      # Without a certificate nothing was verified, whatever the code says.
      if [ $code = 124 ]; then result=timeout; else result=tls; fi
      ;;
    *'Verify return code: 0 '* | *'Verification: OK'*) result=ok ;;
    *'Verify return code: '* | *'Verification error'*) result=tls ;;
    *) if [ $code = 124 ]; then result=timeout; else result=blocked; fi ;;
  esac
}

ask() {
  begun=$(date +%s)
  if have curl; then by_curl "$1" "$2"; elif have openssl; then by_openssl "$1" "$2"; else result=unknown; fi
  [ "$proxy_login" = yes ] && [ "$result" != ok ] && result=proxy
  via=direct
  [ -n "$proxy" ] && via=proxy
  printf '{"endpoint": "%s:%s", "result": "%s", "milliseconds": %s, "via": "%s"}\n' \
    "$1" "$2" "$result" "$((($(date +%s) - begun) * 1000))" "$via"
}

ask_all() {
  rest=$endpoints,
  while [ -n "$rest" ]; do
    endpoint=${rest%%,*} rest=${rest#*,}
    case $endpoint in '' | [!A-Za-z0-9]* | *[!A-Za-z0-9.:-]*) continue ;; esac
    host=${endpoint%%:*} port=${endpoint#*:}
    case $port in '' | *[!0-9]*) port=443 ;; esac
    ask "$host" "$port" &
  done
  wait
}

tell_proxy() {
  kind=none
  [ -n "$proxy" ] && kind=open
  [ "$proxy_login" = yes ] && kind=authenticated
  case $answers in *'"result": "proxy"'*) [ "$kind" = open ] && wants_login && kind=authenticated ;; esac
  printf '{"proxy": "%s"}\n' "$kind"
}

wants_login() {
  have curl || return 0
  first=${endpoints%%,*}
  case $first in [!A-Za-z0-9]* | *[!A-Za-z0-9.:-]*) return 1 ;; esac
  said=$(curl --silent --head --output /dev/null --max-time "$timeout_seconds" --proxy "$proxy" \
    --write-out '%{http_connect}' "https://$first/" 2>/dev/null)
  [ "$said" = 407 ]
}

# --- the trusted roots ---

bundle() {
  for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem \
    /etc/pki/tls/certs/ca-bundle.crt /var/lib/ca-certificates/ca-bundle.pem /etc/ssl/ca-bundle.pem; do
    if [ -s "$root$file" ]; then printf '%s' "$root$file"; return; fi
  done
}

# Prints the n-th certificate of the name. OpenSSL writes a subject with or without spaces, with commas or slashes.
certificate() {
  printf '%s\n' "$store" | awk -v wanted="CN=$1" -v n="$2" '
    /^subject *=/ { s = $0; gsub(/ *= */, "=", s); keep = substr(s, length(s) - length(wanted) + 1) == wanted; found += keep }
    /-----BEGIN/ { inside = keep && found == n }
    inside { print }
    /-----END/ { if (inside) exit; keep = 0 }'
}

is_current() {
  n=1
  while [ $n -le 3 ]; do
    one=$(certificate "$1" $n)
    [ -n "$one" ] || return 1
    printf '%s\n' "$one" | openssl x509 -noout -checkend 0 >/dev/null 2>&1 && return 0
    n=$((n + 1))
  done
  return 1
}

tell_certificates() {
  if ! have openssl; then printf '{"missing": [], "unread": "there is no openssl"}\n'; return; fi
  file=$(bundle) store='' missing='' expired=''
  [ -n "$file" ] && store=$(openssl crl2pkcs7 -nocrl -certfile "$file" 2>/dev/null | openssl pkcs7 -print_certs 2>/dev/null)
  rest=$ROOTS'
'
  while [ -n "$rest" ]; do
    name=${rest%%"
"*} rest=${rest#*"
"}
    [ -n "$name" ] || continue
    if [ -z "$(certificate "$name" 1)" ]; then
      missing="$missing${missing:+, }\"$name\""
    elif ! is_current "$name"; then
      expired="$expired${expired:+, }\"$name\""
    fi
  done
  printf '{"missing": [%s], "expired": [%s], "store": "%s"}\n' "$missing" "$expired" "$(plain "${file#"$root"}")"
}

# --- the system ---

tell_system() {
  release=$root/etc/os-release
  printf '{"os": "%s", "version": "%s", "kernel": "%s"}\n' \
    "$(plain "$(from_file "$release" ID)")" "$(plain "$(from_file "$release" VERSION_ID)")" "$(plain "$(uname -r)")"
}

# --- what it boots from, and data disks that nothing is on ---

# Devices that the boot configuration names other than by UUID or label: at most eight of a file.
boot_devices_of() {
  awk '
    /^[ \t]*(linux[a-z0-9]*|kernel)[ \t]/ || /^[ \t]*GRUB_CMDLINE_LINUX[A-Z_]*=/ {
      gsub(/["\047]/, " "); sub(/^[ \t]*GRUB_CMDLINE_LINUX[A-Z_]*=/, "")
      for (i = 1; i <= NF; i++) {
        device = ""
        if ($i ~ /^(root|resume)=\/dev\/[A-Za-z0-9._+\/-]+$/) { device = $i; sub(/^[a-z]+=/, "", device) }
        if ($i ~ /^rd\.lvm\.lv=[A-Za-z0-9._+-]+\/[A-Za-z0-9._+-]+$/) { device = $i; sub(/^rd\.lvm\.lv=/, "/dev/", device) }
        if (device != "" && !(device in seen) && ++found <= 8) { seen[device]; print device }
      }
    }' "$1" 2>/dev/null
}

tell_boot() {
  named='' absent=''
  for file in /boot/grub2/grub.cfg /boot/grub/grub.cfg /boot/grub/menu.lst /boot/grub/grub.conf /etc/default/grub; do
    [ -r "$root$file" ] || continue
    # Only letters, digits and the like of paths come through: nothing here splits or expands.
    for device in $(boot_devices_of "$root$file"); do
      case $device in
        /dev/disk/by-* | /dev/root) ;;
        /dev/sd* | /dev/hd* | /dev/vd* | /dev/xvd* | /dev/nvme*)
          case $named in *"\"$device\""*) ;; *) named="$named${named:+, }\"$device\"" ;; esac
          ;;
        *)
          [ -e "$root$device" ] && continue
          case $absent in *"\"$device\""*) ;; *) absent="$absent${absent:+, }\"$device\"" ;; esac
          ;;
      esac
    done
  done
  printf '{"boot_devices": [%s], "absent_volumes": [%s]}\n' "$named" "$absent"
}

tell_disks() {
  if ! have blkid || [ ! -d "$root/dev/disk/azure" ]; then printf '{"raw_luns": null}\n'; return; fi
  raw=''
  for disk in "$root"/dev/disk/azure/scsi1/lun* "$root"/dev/disk/azure/data/by-lun/*; do
    lun=${disk##*/} lun=${lun#lun}
    case $lun in '' | *[!0-9]* | ???*) continue ;; esac
    [ -e "$disk" ] && [ ! -e "$disk-part1" ] || continue
    blkid -p "$disk" >/dev/null 2>&1
    # 2: it has neither partitions nor a file system, nor is it part of a volume group.
    [ $? -eq 2 ] || continue
    raw="$raw${raw:+, }$lun"
  done
  printf '{"raw_luns": [%s]}\n' "$raw"
}

find_proxy
answers=$(ask_all)
[ -n "$answers" ] && printf '%s\n' "$answers"
tell_proxy
tell_certificates
tell_system
tell_boot
tell_disks
