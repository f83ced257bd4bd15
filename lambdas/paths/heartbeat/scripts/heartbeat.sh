#!/bin/sh
# Mail Canary, path @path@ of monitor @monitor@: sends test mails from this machine, and tells the monitor what came of it.
# Needs sh, openssl, od, date and @needs@. Made by "mail-canary enroll": do not edit it, enroll again when settings change.
#
# THIS FILE HOLDS A SECRET KEY (inner, outer): who reads it can send canaries and tell about them in the name of
# @whose@. Keep its mode at 0700 and its owner the user that runs it. The key never becomes an argument of a program.
#
#   --now   without the random delay
set -uf
umask 077
LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/usr/lib
export LC_ALL PATH

host=@host@
path=@pathName@
generation=@generation@
fleet=@fleet@
key=@key@
inner='@inner@'
outer='@outer@'
from=@from@
domain=@domain@
auto_submitted=@autoSubmitted@
mailboxes=@mailboxes@
minutes=@minutes@
delay=@delay@
timeout=@timeout@
via=@via@
relay=@relay@
tls=@tls@
note_url=@noteUrl@
note_path=@notePath@

nl='
'
say() { printf 'mail-canary: %s\n' "$1" >&2; }
die() {
  say "$1"
  exit 2
}

# An external printf would show the key to everybody who lists processes.
case $(command -v printf) in printf) ;; *) die 'this shell has no printf of its own' ;; esac
for program in openssl od date; do
  command -v "$program" >/dev/null 2>&1 || die "$program is missing"
done

if [ -z "$host" ]; then host=${MAIL_CANARY_HOST:-$(uname -n)}; fi
case $host in
  '' | [!A-Za-z0-9]* | *[!A-Za-z0-9._-]*) die 'the name of this machine is no host name: set MAIL_CANARY_HOST' ;;
esac

# sum: the lower-case hex SHA-256 of $1.
sha256() {
  sum=$(printf '%s' "$1" | openssl dgst -sha256)
  sum=${sum##* }
}

# sum: HMAC-SHA256 (RFC 2104) of $1. The key is one block, given as the two blocks that it is combined to.
hmac() {
  sum=$({
    printf "$outer"
    { printf "$inner" && printf '%s' "$1"; } | openssl dgst -sha256 -binary
  } | openssl dgst -sha256)
  sum=${sum##* }
}

# text: $1 in base 36.
base36() {
  number=$1 text=
  while [ "$number" -gt 0 ]; do
    set -- 0 1 2 3 4 5 6 7 8 9 a b c d e f g h i j k l m n o p q r s t u v w x y z
    shift $((number % 36))
    text=$1$text number=$((number / 36))
  done
}

# id: 20 consonants of route and slot.
name_canary() {
  id=
  for byte in $(printf '%s\n%s' "$route" "$slot" | openssl dgst -sha256 -binary | od -An -v -tu1 -N20); do
    set -- b c d f g h j k l m n p q r s t v w x z
    shift $((byte % 20))
    id=$id$1
  done
}

# The canary of a route as one mail to $to; every line ends with $end.
mint() {
  hmac "mail-canary 1${nl}header${nl}$route${nl}$slot${nl}$sent_at"
  header="v=1; k=$key; r=$route; s=$slot; t=$sent_at; m=$(printf '%.40s' "$sum")"
  hmac "mail-canary 1${nl}message-id${nl}$id${nl}$slot${nl}$sent_at"
  base36 "$slot" && slot36=$text
  base36 "$sent_at"
  message_id="<$id.$key.$slot36.$text.$(printf '%.40s' "$sum")@$domain>"
  set -- "From: $from" "To: $to" "Subject: Mail canary $host $id" "Message-ID: $message_id" "Date: $day" \
    "X-Mail-Canary: $header"
  if [ "$auto_submitted" = yes ]; then set -- "$@" 'Auto-Submitted: auto-generated'; fi
  set -- "$@" 'MIME-Version: 1.0' 'Content-Type: text/plain; charset=us-ascii' 'Content-Transfer-Encoding: 7bit' '' \
    'This is a test e-mail of Mail Canary, sent to see whether e-mail from this machine arrives.' \
    'It was sent by a program to a mailbox that a program reads. Nobody needs to answer it.' \
    '' "Machine: $host" "Canary: $id"
  printf "%s$end" "$@"
}

# One reading of the clock: seconds, sent_at, day.
read_clock() {
  clock=$(date -u '+%s %a, %d %b %Y %H:%M:%S +0000')
  seconds=${clock%% *} day=${clock#* }
  sent_at=${seconds}000
}

# Tells the monitor $1 (and what every telling says), at most $2 times more. Whatever happens here, the mail is sent.
tell() {
  if [ -z "$note_url" ]; then return 0; fi
  set -- "{\"v\":1,\"host\":\"$host\",\"path\":\"$path\",\"fleet\":$fleet,\"generation\":$generation,\"slot\":$slot,\"at\":$sent_at,$1}" "$2"
  sha256 "$1"
  told_at=$(date +%s)
  hmac "v1${nl}POST${nl}$note_path${nl}$told_at${nl}$sum"
  answer=$(printf '%s' "$1" | curl -q -sS --max-time 10 --retry "$2" --data-binary @- \
    -H 'content-type: application/json' -H "x-mail-canary-timestamp: $told_at" \
    -H "x-mail-canary-signature: v1=$sum" -w '%{http_code}' "$note_url" 2>&1)
  case $answer in
    *200) ;;
    *) say "telling the monitor failed: $(printf '%.400s' "$answer" | tr -c '[:print:]' ' ')" ;;
  esac
}

# Mailers may hang: curl keeps no time of its own once it waits for the reply to the mail. Not every machine has timeout(1).
limit=
if timeout 5 true 2>/dev/null; then limit="timeout $((timeout + 3))"; fi

# The address from which this machine reaches others; asks the routing table, sends nothing.
own_address() {
  address= before=
  for word in $(ip route get 192.0.2.1 2>/dev/null); do
    if [ "$before" = src ]; then address=$word; fi
    before=$word
  done
  case $address in *[!0-9A-Fa-f.:]*) address= ;; esac
}

# Over SMTP. code: curl's exit status; said: the conversation; why: its words for people; left: our end of the connection.
by_smtp() {
  end='\r\n'
  raw=$(mint 2>/dev/null | $limit curl -q -sS -v --noproxy '*' --max-time "$timeout" $tls \
    --mail-from "$from" --mail-rcpt "$to" -T - -w '\n= %{local_ip}\n' "$relay" 2>&1)
  code=$?
  said= why= left=
  while IFS= read -r row; do
    case $row in
      '= '*) left=${row#= } ;;
      '< '* | '> '* | '* '* | 'curl: '*)
        said=$said$row$nl
        case $row in
          '< '[45][0-9][0-9]*) why=$row ;;
          'curl: '*) why=${why:-$row} ;;
        esac
        ;;
    esac
  done <<END
$raw
END
  case $left in *[!0-9A-Fa-f.:]*) left= ;; esac
}

# Why mail to $to still waits in the queue of this machine (Postfix and Sendmail say it), for a few seconds.
look_at_queue() {
  queue=
  command -v mailq >/dev/null 2>&1 || return 0
  for try in 1 2 3 4 5; do
    sleep 1
    waits= reason= rows=0
    while IFS= read -r row; do
      case $row in
        '') reason= ;;
        *' '"$to" | *'<'"$to"'>')
          waits=yes
          if [ -n "$reason" ]; then queue=$reason; fi
          ;;
        *'('*')') reason=$row ;;
      esac
      rows=$((rows + 1))
      if [ "$rows" -gt 2000 ]; then break; fi
    done <<END
$($limit mailq 2>/dev/null)
END
    if [ -z "$waits" ] || [ -n "$queue" ]; then return 0; fi
  done
}

# Through the machine's own mailer. code: its exit status; said, why: its words; queue: why the mail waits.
by_sendmail() {
  end='\n' left= queue=
  if ! command -v sendmail >/dev/null 2>&1; then
    code=127 said='this machine has no sendmail'
    why=$said
    return 0
  fi
  said=$(mint 2>/dev/null | $limit sendmail -i -f "$from" "$to" 2>&1)
  code=$?
  why=$said
  if [ "$code" = 0 ]; then look_at_queue; fi
}

encode() { printf "%.$2s" "$1" | openssl base64 -A; }

if [ "${1:-}" != --now ] && [ "$delay" -gt 0 ]; then
  random=$(od -An -N2 -tu2 /dev/urandom)
  sleep $((random % (delay + 1)))
fi

read_clock
slot=$((seconds / 60 / minutes * minutes))
names=
for pair in $mailboxes; do names="$names${names:+,}\"${pair%%=*}\""; done
own_address
tell "\"phase\":\"sending\"${address:+,\"address\":\"$address\"},\"mailboxes\":[$names]" 0

failed=0
for pair in $mailboxes; do
  mailbox=${pair%%=*} to=${pair#*=}
  route=$host/$path/$mailbox queue=
  read_clock
  name_canary
  by_$via
  if [ "$code" != 0 ]; then
    failed=1
    say "the mail to $to failed (exit $code): $(printf '%.400s' "$why" | tr -c '[:print:]' ' ')"
  fi
  result="\"mailbox\":\"$mailbox\",\"via\":\"$via\",\"exit\":$code,\"said\":\"$(encode "$said" 4000)\""
  if [ -n "$queue" ]; then result="$result,\"queue\":\"$(encode "$queue" 600)\""; fi
  tell "\"phase\":\"done\",$result${left:+,\"leftFrom\":\"$left\"}" 2
done
exit "$failed"
