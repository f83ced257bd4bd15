# Part of the Linux step: over SMTP to the relay, with what the host has.

# What the relay and the client said ("< reply", "> command"): banner, EHLO reply, the first refusal and its stage.
understand() {
  stage=connect refused_at='' code=''
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line%"$cr"}
    case $line in
      '> EHLO'* | '> HELO'*) stage=ehlo ;;
      '> STARTTLS'*) stage=tls ;;
      '> MAIL'*) stage=mail ;;
      '> RCPT'*) stage=rcpt ;;
      '> DATA'*) stage=data ;;
      '= '*) own=${line#= } ;;
      # curl's own words leave out what the system said.
      '! '* | 'curl: ('* | 'bash: '* | '* connect to '*' failed: '*) trouble="$trouble${trouble:+; }${line#[!*] }" ;;
      '< '[2-5][0-9][0-9]*)
        reply=${line#< }
        if [ -z "$banner" ]; then banner=$reply; [ "$stage" != connect ] || stage=banner; fi
        case $reply in
          2*) if [ "$stage" = ehlo ]; then
                [ -n "$ehlo" ] || ehlo=$reply
                # The server that does not know EHLO knows HELO.
                [ "$refused_at" != ehlo ] || { refusal='' refused_at=''; }
              fi
              [ "$stage" != body ] || done=$reply ;;
          354*) stage=body ;;
          [45]*) if [ -z "$refused_at" ]; then refusal=$reply refused_at=$stage code=${reply%"${reply#???}"}
                 # The further lines of the same reply.
                 elif [ "$refused_at" = "$stage" ] && [ "${reply%"${reply#???}"}" = "$code" ]; then refusal="$refusal $reply"; fi ;;
        esac ;;
    esac
  done < "$work/talk"
  if [ -n "$refused_at" ]; then stage=$refused_at; fi
}

# Values come as arguments; the mail, with CRLF, on standard input.
python_client='
import socket, sys
relay, port, tls, sender, to, name, seconds = sys.argv[1:8]
heard = [0]
def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
def hear(f):
    while True:
        line = f.readline(2000)
        heard[0] += 1
        if not line or heard[0] > 200: raise IOError("the relay ended the connection")
        line = str(line.decode("ascii", "ignore")).rstrip("\r\n")
        say("< " + line)
        if line[3:4] != "-": return line[:1] in ("2", "3")
try:
    s = socket.create_connection((relay, int(port)), float(seconds))
    say("= " + s.getsockname()[0])
    f = s.makefile("rb")
    def ask(text):
        say("> " + text)
        s.sendall((text + "\r\n").encode("ascii"))
        return hear(f)
    ok = hear(f) and (ask("EHLO " + name) or ask("HELO " + name))
    if ok and tls == "starttls":
        ok = ask("STARTTLS")
        if ok:
            import ssl
            s = ssl.create_default_context().wrap_socket(s, server_hostname=relay)
            f = s.makefile("rb")
            ok = ask("EHLO " + name)
    if ok and ask("MAIL FROM:<" + sender + ">") and ask("RCPT TO:<" + to + ">") and ask("DATA"):
        mail = getattr(sys.stdin, "buffer", sys.stdin).read()
        s.sendall((b"\n" + mail).replace(b"\n.", b"\n..")[1:] + b".\r\n")
        hear(f)
    s.sendall(b"QUIT\r\n")
except Exception:
    error = sys.exc_info()[1]
    say("! " + error.__class__.__name__ + " " + str(error))
'
bash_client='
exec 3<>"/dev/tcp/$1/$2" || exit 1
sender=$3 to=$4 name=$5 seconds=$6 cr=$7 heard=0
hear() {
  while IFS= read -r -t "$seconds" line <&3 && [ $((heard += 1)) -lt 200 ]; do
    line=${line%"$cr"}
    printf "< %s\n" "$line"
    case $line in [2345][0-9][0-9]-*) ;; [23]*) return 0 ;; *) return 1 ;; esac
  done
  printf "! the relay ended the connection or did not answer\n"
  exit 1
}
ask() { printf "> %s\n" "$1"; printf "%s\r\n" "$1" >&3; hear; }
hear && { ask "EHLO $name" || ask "HELO $name"; } && ask "MAIL FROM:<$sender>" && ask "RCPT TO:<$to>" && ask DATA && {
  while IFS= read -r line; do case $line in .*) line=.$line ;; esac; printf "%s\n" "$line"; done >&3
  printf ".\r\n" >&3
  hear
}
printf "QUIT\r\n" >&3
'

send_smtp() {
  # A relay that never stops talking.
  ulimit -f 1024
  while IFS= read -r line || [ -n "$line" ]; do printf '%s\r\n' "$line"; done < "$work/mail" > "$work/crlf"
  # curl-minimal of newer distributions speaks no SMTP.
  if have curl && curl -q -V 2>/dev/null | grep -qw smtp; then
    set -- curl -q -sS -v --noproxy '*' --max-time "$seconds" --mail-from "$from" --mail-rcpt "$to" -T - -w '\n= %{local_ip}\n'
    if [ "$tls" = starttls ]; then set -- "$@" --ssl-reqd; fi
    run "$@" "smtp://$relay:$port/$name" < "$work/crlf" > "$work/talk" 2>&1
  elif have python3; then run python3 -E -c "$python_client" "$relay" "$port" "$tls" "$from" "$to" "$name" "$seconds" < "$work/crlf" > "$work/talk" 2>&1
  elif have python; then run python -E -c "$python_client" "$relay" "$port" "$tls" "$from" "$to" "$name" "$seconds" < "$work/crlf" > "$work/talk" 2>&1
  elif have bash && [ "$tls" = none ]; then
    run bash -c "$bash_client" bash "$relay" "$port" "$from" "$to" "$name" "$seconds" "$cr" < "$work/crlf" > "$work/talk" 2>&1
  else give_up no-mailer "this host has no curl with SMTP, no python, and no bash$([ "$tls" = none ] || printf ' (which could do no TLS)')"; fi
  ended=$?
  understand
  if [ -n "$refusal" ]; then report refused "$stage" "$ended" "$refusal"
  elif [ -n "$done" ]; then report sent body "$ended" "$done"
  # After DATA was granted nobody can say whether the relay took the mail.
  elif [ "$stage" = body ]; then report unanswered body "$ended" "$trouble"
  else report failed "$stage" "$ended" "$trouble"; fi
}
