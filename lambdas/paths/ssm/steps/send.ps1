# Sends this instance's canaries, one after the other, and prints one line for each, as the Linux step does (see begin.sh).
# PowerShell 5.1 and .NET only. What is given is data: nothing of it is ever run as code.
$ErrorActionPreference = 'Stop'
$room = 400

# Not Write-Output, which breaks long lines at the width of a console.
function Report([string]$id, [string]$state, [string]$stage, [string]$code, [string]$words) {
  $clean = [regex]::Replace($words, '[^\x20-\x7e]', ' ')
  if ($clean.Length -gt $script:room) { $clean = $clean.Substring(0, $script:room) }
  [Console]::Out.WriteLine([string]::Join("`t", @('mc1', $id, $state, $stage, $code, '', '', '', $clean)))
}

function Decode([string]$text) {
  $octal = { param($match) [string][char][Convert]::ToInt32($match.Groups[1].Value, 8) }
  return [regex]::Replace($text.Replace('+', ' '), '=([0-7]{3})', $octal)
}

# The first exception of a type in a chain: PowerShell wraps what .NET throws.
function Find-Inner($exception, [type]$type) {
  while ($null -ne $exception -and $exception -isnot $type) { $exception = $exception.InnerException }
  return $exception
}

function Send-Smtp([string]$id, [string]$from, [string]$to, [string]$mail) {
  $head, $body = $mail -split "`n`n", 2
  $message = New-Object System.Net.Mail.MailMessage -ArgumentList $from, $to
  foreach ($line in $head.Split("`n")) {
    $name, $value = $line -split ': ', 2
    if ($name -eq 'Subject') { $message.Subject = $value }
    # .NET writes these itself.
    elseif ($name -notmatch '^(From|To|Date|MIME-Version|Content-.*)$') { $message.Headers.Add($name, $value) }
  }
  $message.Body = $body
  $message.BodyEncoding = [System.Text.Encoding]::ASCII
  $message.BodyTransferEncoding = [System.Net.Mime.TransferEncoding]::SevenBit
  $client = New-Object System.Net.Mail.SmtpClient -ArgumentList $env:SSM_relay, ([int]$env:SSM_port)
  $client.Timeout = 1000 * [int]$env:SSM_seconds
  $client.EnableSsl = ($env:SSM_tls -eq 'starttls')
  try {
    $client.Send($message)
    Report $id 'sent' 'body' '0' 'taken by the relay'
  } catch {
    $smtp = Find-Inner $_.Exception ([System.Net.Mail.SmtpException])
    $socket = Find-Inner $_.Exception ([System.Net.Sockets.SocketException])
    $web = Find-Inner $_.Exception ([System.Net.WebException])
    $tls = Find-Inner $_.Exception ([System.Security.Authentication.AuthenticationException])
    if ($null -ne $smtp -and [int]$smtp.StatusCode -ge 400) {
      $said = [regex]::Replace($smtp.Message, '^.*The server response was: ', '')
      $stage = ''
      if ($smtp -is [System.Net.Mail.SmtpFailedRecipientException]) { $stage = 'rcpt' }
      Report $id 'refused' $stage '1' ('{0} {1}' -f [int]$smtp.StatusCode, $said)
    } elseif ($null -ne $socket) { Report $id 'failed' 'connect' '1' ('{0}: {1}' -f $socket.SocketErrorCode, $socket.Message)
    } elseif ($null -ne $web) { Report $id 'failed' 'dns' '1' ('{0}: {1}' -f $web.Status, $web.Message)
    } elseif ($null -ne $tls) { Report $id 'failed' 'tls' '1' $tls.Message
    # A timeout does not say whether the relay took the mail.
    } else { Report $id 'unanswered' '' '1' $_.Exception.GetBaseException().Message }
  } finally { $message.Dispose() }
}

function Invoke-Aws([string]$program, [string]$arguments) {
  $info = New-Object System.Diagnostics.ProcessStartInfo -ArgumentList $program, $arguments
  $info.UseShellExecute = $false
  $info.RedirectStandardOutput = $true
  $info.RedirectStandardError = $true
  $process = [System.Diagnostics.Process]::Start($info)
  $out = $process.StandardOutput.ReadToEndAsync()
  $errors = $process.StandardError.ReadToEndAsync()
  if (-not $process.WaitForExit(1000 * [int]$env:SSM_seconds)) { $process.Kill(); return @{ Code = -1; Text = 'the AWS CLI did not end in time' } }
  return @{ Code = $process.ExitCode; Text = ($out.Result + ' ' + $errors.Result).Trim() }
}

function Send-Ses([string]$id, [string]$from, [string]$to, [string]$mail) {
  # Only the real program: a .cmd in its place would read the arguments once more.
  $aws = Get-Command aws.exe -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
  if ($null -eq $aws) { Report $id 'no-mailer' '' '' 'this host has no AWS CLI (aws.exe)'; return }
  if (-not $env:AWS_DEFAULT_REGION) { $env:AWS_DEFAULT_REGION = $env:AWS_SSM_REGION_NAME }
  $file = [System.IO.Path]::GetTempFileName()
  try {
    [System.IO.File]::WriteAllText($file, (ConvertTo-Json @{ Data = $mail.Replace("`n", "`r`n") }), [System.Text.Encoding]::ASCII)
    $arguments = 'ses send-raw-email --output text --source {0} --destinations {1} --raw-message "file://{2}"' -f $from, $to, $file
    # Version 2 would read the mail as base64, version 1 has no such option.
    if ((Invoke-Aws $aws.Path '--version').Text -notmatch '^aws-cli/1\.') { $arguments += ' --cli-binary-format raw-in-base64-out' }
    $result = Invoke-Aws $aws.Path $arguments
    if ($result.Code -eq 0) { Report $id 'sent' '' '0' $result.Text }
    elseif ($result.Code -eq -1) { Report $id 'unanswered' '' '-1' $result.Text }
    else { Report $id 'failed' '' ([string]$result.Code) $result.Text }
  } finally { [System.IO.File]::Delete($file) }
}

# An agent that does not know interpolationType sets no variable.
if (-not $env:SSM_payload) { Report '-' 'too-old' '' '' 'the agent gives no SSM_payload'; exit 1 }
foreach ($value in @($env:SSM_payload, $env:SSM_via, $env:SSM_relay, $env:SSM_port, $env:SSM_tls, $env:SSM_seconds, $env:SSM_runAs)) {
  if ($value -cnotmatch '^[A-Za-z0-9._=@+-]+\z') { Report '-' 'invalid' '' '' 'a parameter holds what it must not hold'; exit 1 }
}
if ($env:SSM_runAs -ne '-') { Report '-' 'no-user' '' '' 'runAs is for Linux: Windows has no way to become a user without a password'; exit 1 }

$items = $env:SSM_payload.Split('_')
if ($items.Length -lt 5 -or $items[0] -ne '1') { Report '-' 'invalid' '' '' 'the payload is of another version'; exit 1 }
$holes = [int]$items[1]
$width = 4 + $holes
$mine = @()
for ($at = 4; $at + $width -le $items.Length; $at += $width) { if ($items[$at] -eq $env:AWS_SSM_INSTANCE_ID) { $mine += $at } }
if ($mine.Count -eq 0) { Report '-' 'invalid' '' '' 'the payload has no canary for this instance'; exit 1 }
# The lines of all canaries share what Systems Manager keeps of an output, 2,500 characters.
$room = [Math]::Max(120, [Math]::Min(400, [int][Math]::Floor(2200 / $mine.Count) - 80))
$address = '^[A-Za-z0-9.!#$%&''*+/=?^_`{|}~][A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]*@[A-Za-z0-9.-]+\z'

foreach ($at in $mine) {
  $id = $items[$at + 1]
  $text = $items[3]
  for ($hole = 0; $hole -lt $holes; $hole += 1) {
    $place = $text.IndexOf('=V', [StringComparison]::Ordinal)
    $text = $text.Substring(0, $place) + $items[$at + 4 + $hole] + $text.Substring($place + 2)
  }
  $mail = Decode $text.Replace('=I', $id).Replace('=H', $items[$at + 2])
  $from = Decode $items[2]
  $to = Decode $items[$at + 3]
  try {
    if ($id -cnotmatch '^[a-z]+\z' -or $from -cnotmatch $address -or $to -cnotmatch $address) { Report '-' 'invalid' '' '' 'from or to is no address' }
    elseif ($env:SSM_via -eq 'smtp') { Send-Smtp $id $from $to $mail }
    elseif ($env:SSM_via -eq 'ses') { Send-Ses $id $from $to $mail }
    else { Report $id 'no-mailer' '' '' 'Windows has no sendmail: use "via: smtp" or "via: ses"' }
  } catch { Report $id 'invalid' '' '' $_.Exception.GetBaseException().Message }
}
