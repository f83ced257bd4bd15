# Part of the Linux step: over SES with the host's own role.

send_ses() {
  have aws || give_up no-mailer 'this host has no AWS CLI'
  AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION-${AWS_SSM_REGION_NAME-}}; export AWS_DEFAULT_REGION
  AWS_PAGER=''; export AWS_PAGER
  # Another user must be able to read it; a test mail is no secret.
  { printf '{"Data":"'; sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e "s/$tab/\\\\t/g" -e 's/$/\\r\\n/' "$work/mail" | tr -d '\n'; printf '"}'; } > "$work/mail.json"
  chmod 711 "$folder" "$work" && chmod 644 "$work/mail.json"
  set -- aws ses send-raw-email --output text --source "$from" --destinations "$to" --raw-message "file://$work/mail.json"
  # Version 2 would read the mail as base64, version 1 has no such option.
  case $(aws --version 2>&1) in aws-cli/1.*) ;; *) set -- "$@" --cli-binary-format raw-in-base64-out ;; esac
  run "$@" > "$work/said" 2>&1
  ended=$?
  if [ $ended = 0 ]; then report sent '' 0 "$(cat "$work/said")"
  elif [ $ended = 124 ] || [ $ended = 143 ]; then report unanswered '' "$ended" "the AWS CLI did not end within $seconds s"
  else report failed '' "$ended" "$(grep -v '^$' "$work/said" | tail -n 3)"; fi
}
