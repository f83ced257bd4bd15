#!/bin/sh
# First part of the Linux step, which sends this instance's canaries and prints one line of tab-separated fields for each:
#   mc1 <id> <state> <stage> <code> <own address> <banner> <EHLO reply> <words>
# Needs a POSIX sh and its usual tools. What is given is data: it is always quoted, and no shell ever reads it as code.
set -uf
LC_ALL=C; export LC_ALL
unset ENV BASH_ENV
umask 077
# A program must not find anything of its own in a folder that others can write to.
cd / || exit 1

id=- own='' banner='' ehlo='' stage='' refusal='' done='' trouble='' room=400 short=90 run_as='' switch='' work=''
tab=$(printf '\t') cr=$(printf '\r')
have() { command -v "$1" >/dev/null 2>&1; }
clean() { printf '%s' "$1" | tr -c '\040-\176' ' ' | cut -c "1-$2"; }
report() { # state stage code words
  printf "mc1$tab%s$tab%s$tab%s$tab%s$tab%s$tab%s$tab%s$tab%s\n" "$id" "$1" "$2" "$3" "$own" \
    "$(clean "$banner" "$short")" "$(clean "$ehlo" "$short")" "$(clean "$4" "$room")"
}
give_up() { report "$1" '' '' "$2"; exit 1; }

# An agent that does not know interpolationType sets no variable. Without braces in this text it pastes nothing, either.
if [ -z "${SSM_payload+x}" ]; then give_up too-old 'the agent gives no SSM_payload'; fi
payload=$SSM_payload via=${SSM_via-} relay=${SSM_relay--} port=${SSM_port-25} tls=${SSM_tls-none} seconds=${SSM_seconds-30}
run_as=${SSM_runAs--}
# Systems Manager has checked all of this already; here it costs nothing.
for value in "$payload" "$via" "$relay" "$port" "$tls" "$seconds" "$run_as"; do
  case $value in '' | *[!A-Za-z0-9._=@+-]*) give_up invalid 'a parameter holds what it must not hold' ;; esac
done
case $port$seconds in *[!0-9]*) give_up invalid 'port and seconds must be numbers' ;; esac
case $relay in -) ;; -* | *[!A-Za-z0-9.-]*) give_up invalid 'the relay is no host name' ;; esac
case $run_as in
  -) run_as='' ;;
  -*) give_up invalid 'runAs is no user name' ;;
  *)
    id -u "$run_as" >/dev/null 2>&1 || give_up no-user "this host has no user $run_as"
    if [ "$(id -u)" = "$(id -u "$run_as")" ]; then run_as=''
    elif have runuser; then switch=runuser
    elif have su; then switch=su
    elif have sudo; then switch=sudo
    else give_up no-user "this host has no runuser, su or sudo to become $run_as"; fi ;;
esac
name=$(uname -n)
case $name in '' | *[!A-Za-z0-9.-]*) name=localhost ;; esac

run() { # a command as the user, within the deadline
  case $switch in
    runuser) set -- runuser -u "$run_as" -- "$@" ;;
    su) set -- su -s /bin/sh -c 'exec "$@"' -- "$run_as" sh "$@" ;;
    sudo) set -- sudo -n -u "$run_as" -- "$@" ;;
  esac
  if have timeout; then set -- timeout "$seconds" "$@"; fi
  "$@"
}
