# Last part of the Linux step: reads the payload (payload.ts says how it is written) and sends this instance's canaries.

decode() { printf '%b' "$(printf '%s\n' "$1" | sed -e 's/+/ /g' -e 's/=\([0-7][0-7][0-7]\)/\\0\1/g')"; }
fill() { # template mark value
  text=$1 filled=''
  while :; do case $text in *"$2"*) filled=$filled${text%%"$2"*}$3 text=${text#*"$2"} ;; *) break ;; esac; done
  printf '%s' "$filled$text"
}
# Nothing but an address may become a part of a command to a server. A variable, since a | ends a pattern that is written out.
no_address='*[!A-Za-z0-9.!#$%&'"'"'*+/=?^_`{|}~@-]*'
address() {
  case $1 in
    $no_address | -* | *@*@* | @* | *@) return 1 ;;
    *@*) return 0 ;;
  esac
  return 1
}
send_one() { # host to template
  trap - EXIT
  to=$(decode "$2")
  from=$(decode "$sender")
  address "$to" && address "$from" || give_up invalid 'from or to is no address'
  decode "$(fill "$(fill "$3" =I "$id")" =H "$1")" > "$work/mail"
  case $via in
    sendmail) send_sendmail ;;
    smtp) send_smtp ;;
    ses) send_ses ;;
    *) give_up invalid 'via must be sendmail, smtp or ses' ;;
  esac
}

folder=$(mktemp -d) || give_up invalid 'no temporary folder can be made'
trap 'rm -rf "$folder"' EXIT
IFS=_
# shellcheck disable=SC2086
set -- $payload
unset IFS
version=${1-} holes=${2-} sender=${3-} template=${4-} count=0
case $version-$holes in 1-?|1-??) ;; *) give_up invalid 'the payload is of another version' ;; esac
case $holes in *[!0-9]*) give_up invalid 'the payload cannot be read' ;; esac
[ $# -ge 5 ] || give_up invalid 'the payload is cut off'
shift 4
# Counted first: the lines of all canaries share what Systems Manager keeps of an output, 2,500 characters.
mine() { [ "$1" = "${AWS_SSM_INSTANCE_ID-}" ]; }
for value in "$@"; do if mine "$value"; then count=$((count + 1)); fi; done
if [ $count -gt 1 ]; then room=$((2200 / count - 260)); fi
if [ $room -gt 400 ]; then room=400; fi
if [ $room -lt 120 ]; then room=120 short=40; fi
count=0
while [ $# -ge $((4 + holes)) ]; do
  instance=$1 id=$2 host=$3 to=$4 text=$template hole=0
  shift 4
  while [ $hole -lt "$holes" ]; do
    case $text in *=V*) text=${text%%=V*}$1${text#*=V} ;; esac
    shift
    hole=$((hole + 1))
  done
  if ! mine "$instance"; then continue; fi
  case $id in *[!a-z]* | '') id=-; give_up invalid 'an id is no id' ;; esac
  count=$((count + 1)) work=$folder/$count
  mkdir "$work" && ( send_one "$host" "$to" "$text" ) > "$work/line" 2>/dev/null &
done
wait
id=-
[ $count -gt 0 ] || give_up invalid "the payload has no canary for ${AWS_SSM_INSTANCE_ID-an instance without an id}"
number=0 bad=0
while [ $number -lt $count ]; do
  number=$((number + 1))
  cat "$folder/$number/line"
  # For people who look at the command: it failed when a mail did not go.
  grep -Eq "^mc1$tab[a-z]*$tab(sent$tab|logged.*(status=sent|stat=Sent| => ))" "$folder/$number/line" || bad=1
done
exit $bad
