# Part of the Linux step: through the host's own MTA, and what became of it there.

# What the host's own MTA wrote of the mail: Postfix, Exim and Sendmail log the Message-ID beside their queue id.
logged() {
  for file in "$(postconf -h maillog_file 2>/dev/null)" /var/log/mail.log /var/log/maillog /var/log/exim4/mainlog /var/log/exim/main.log; do
    if [ -f "$file" ] && [ -r "$file" ]; then tail -n 3000 "$file"; fi
  done
  if have journalctl; then journalctl -q --no-pager -o cat -n 3000 2>/dev/null; fi
}
queue_id() {
  line=$(logged | grep -F -- "$id." | grep -E ': message-id=<| <= |: from=<' | tail -n 1)
  case $line in
    *': message-id='*) line=${line%%: message-id=*} ;;
    *' <= '*) line=${line%% <= *} ;;
    *': from=<'*) line=${line%%: from=<*} ;;
  esac
  line=${line##* }
  case $line in *[!A-Za-z0-9-]* | ????? | ???? | ??? | ?? | ?) ;; *) printf '%s' "$line" ;; esac
}
# The entry of the mail in the queue of this host, on one line; nothing when it is not there.
waiting() {
  if have postqueue; then
    # When Postfix is down, this says so; the mail waits all the same.
    listed=$(postqueue -p 2>&1) || { printf '%s' "$listed"; return; }
    ids=$1
    [ -n "$ids" ] || ids=$(printf '%s\n' "$listed" | sed -n 's/^\([0-9A-Za-z]\{6,20\}\)[*! ].*/\1/p' | tail -n 30)
    case $listed in *'is down'*) down='Postfix is down: ' ;; *) down='' ;; esac
    for queued in $ids; do
      if [ -z "$1" ] && ! postcat -hq "$queued" 2>/dev/null | grep -qF -- "<$id."; then continue; fi
      printf '%s' "$down"
      printf '%s\n' "$listed" | sed -n "/^$queued[*! ]/,/^\$/p" | tr -s '\n ' ' '
    done
  elif have mailq; then mailq 2>/dev/null | grep -F -B 2 -- "$to" | tr -s '\n ' ' '; fi
}
# A mail that the MTA took may be refused by the relay a moment later.
look_after() {
  tries=0 entry='' queued=''
  # A mailer without queue and log has passed the mail on by itself.
  if ! have postqueue && ! have mailq && [ -z "$(logged | head -n 1)" ]; then tries=8; fi
  while [ $tries -lt 8 ]; do
    [ $tries = 0 ] || sleep 1
    tries=$((tries + 1))
    queued=$(queue_id)
    if [ -n "$queued" ]; then
      line=$(logged | grep -F -- "$queued" | grep -E 'status=|stat=| \*\* | == | => ' | tail -n 1)
      if [ -n "$line" ]; then line=${line#*"$queued"}; report logged '' "$queued" "${line#: }"; return; fi
    fi
    entry=$(waiting "$queued")
    # An entry without a reason is being worked on.
    case $entry in '') [ -n "$queued" ] || [ $tries -lt 3 ] || break ;; *'('* | *'!'* | *'is down'*) break ;; esac
  done
  if [ -n "$entry" ]; then report queued '' "$queued" "$entry"; else report sent '' "$queued" 'taken by the mailer of this host'; fi
}
send_sendmail() {
  mailer=''
  for candidate in "$(command -v sendmail 2>/dev/null)" /usr/sbin/sendmail /usr/lib/sendmail; do
    if [ -z "$mailer" ] && [ -f "$candidate" ] && [ -x "$candidate" ]; then mailer=$candidate; fi
  done
  [ -n "$mailer" ] || give_up no-mailer 'this host has no sendmail in PATH, /usr/sbin or /usr/lib'
  # No DSN options: what is -N to Postfix makes Exim deliver nothing.
  run "$mailer" -i -f "$from" -- "$to" < "$work/mail" > "$work/said" 2>&1
  ended=$?
  if [ $ended = 0 ]; then look_after
  # timeout(1) says 124 or 143; a mailer that was cut off may have passed the mail on.
  elif [ $ended = 124 ] || [ $ended = 143 ]; then report unanswered '' "$ended" "sendmail did not end within $seconds s"
  else report failed '' "$ended" "$(tail -n 5 "$work/said")"; fi
}
