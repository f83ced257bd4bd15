# Mail Canary, path @path@ of monitor @monitor@: sends test mails from this machine, and tells the monitor what came of it.
# Needs Windows PowerShell 5.1 and nothing else. Made by "mail-canary enroll": do not edit it, enroll again when settings change.
#
# THIS FILE HOLDS A SECRET KEY ($Secret): who reads it can send canaries and tell about them in the name of
# @whose@. Let only SYSTEM and Administrators read it. The key never becomes an argument of a program.
#
#   -Now   without the random delay
param([switch]$Now)
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'

$HostName = @host@
$PathName = @pathName@
$Generation = @generation@
$Fleet = @fleet@
$KeyId = @key@
$Secret = @secret@
$From = @from@
$Domain = @domain@
$AutoSubmitted = @autoSubmitted@
$Mailboxes = @mailboxes@
$Minutes = @minutes@
$Delay = @delay@
$TimeoutMs = @timeout@ * 1000
$RelayHost = @relayHost@
$RelayPort = @relayPort@
$Secure = @secure@
$RequireTls = @requireTls@
$NoteUrl = @noteUrl@

$Ascii = [Text.Encoding]::ASCII
$Epoch = New-Object DateTime 1970, 1, 1, 0, 0, 0, ([DateTimeKind]::Utc)
if ($HostName -eq '') {
  $HostName = $env:MAIL_CANARY_HOST
  if (-not $HostName) { $HostName = [Net.Dns]::GetHostName().ToLowerInvariant() }
}
if ($HostName -notmatch '\A[A-Za-z0-9][A-Za-z0-9._-]{0,100}\z') {
  [Console]::Error.WriteLine('mail-canary: the name of this machine is no host name: set MAIL_CANARY_HOST')
  exit 2
}

function Get-Hex([byte[]]$Bytes) { -join ($Bytes | ForEach-Object { $_.ToString('x2') }) }
function Get-Sha256([byte[]]$Bytes) { , ([Security.Cryptography.SHA256]::Create().ComputeHash($Bytes)) }
function Get-Hmac([string]$Text) {
  $mac = New-Object Security.Cryptography.HMACSHA256 -ArgumentList @(, $Ascii.GetBytes($Secret))
  Get-Hex ($mac.ComputeHash($Ascii.GetBytes($Text)))
}
function Get-Base36([long]$Number) {
  $text = ''
  while ($Number -gt 0) {
    $digit = [int]($Number % 36)
    $text = '0123456789abcdefghijklmnopqrstuvwxyz'.Substring($digit, 1) + $text
    $Number = ($Number - $digit) / 36
  }
  $text
}
function Get-Milliseconds { [long][Math]::Floor(([DateTime]::UtcNow - $Epoch).TotalMilliseconds) }

# The canary of a route as one mail.
function New-Canary([string]$Route, [long]$Slot, [long]$SentAt, [string]$To) {
  $digest = Get-Sha256 ($Ascii.GetBytes("$Route`n$Slot"))
  $id = -join (0..19 | ForEach-Object { 'bcdfghjklmnpqrstvwxz'.Substring($digest[$_] % 20, 1) })
  $headerMac = (Get-Hmac "mail-canary 1`nheader`n$Route`n$Slot`n$SentAt").Substring(0, 40)
  $idMac = (Get-Hmac "mail-canary 1`nmessage-id`n$id`n$Slot`n$SentAt").Substring(0, 40)
  $day = $Epoch.AddMilliseconds($SentAt).ToString("ddd, dd MMM yyyy HH':'mm':'ss '+0000'", [Globalization.CultureInfo]::InvariantCulture)
  $lines = @(
    "From: $From", "To: $To", "Subject: Mail canary $HostName $id",
    "Message-ID: <$id.$KeyId.$(Get-Base36 $Slot).$(Get-Base36 $SentAt).$idMac@$Domain>", "Date: $day",
    "X-Mail-Canary: v=1; k=$KeyId; r=$Route; s=$Slot; t=$SentAt; m=$headerMac"
  )
  if ($AutoSubmitted) { $lines += 'Auto-Submitted: auto-generated' }
  $lines += @(
    'MIME-Version: 1.0', 'Content-Type: text/plain; charset=us-ascii', 'Content-Transfer-Encoding: 7bit', '',
    'This is a test e-mail of Mail Canary, sent to see whether e-mail from this machine arrives.',
    'It was sent by a program to a mailbox that a program reads. Nobody needs to answer it.',
    '', "Machine: $HostName", "Canary: $id"
  )
  ($lines -join "`r`n") + "`r`n"
}

# Tells the monitor. Whatever happens here, the mail is sent.
function Send-Telling([long]$Slot, [long]$At, [string]$What) {
  if ($NoteUrl -eq '') { return }
  try {
    $url = [Uri]$NoteUrl
    $fleetText = ([string]$Fleet).ToLowerInvariant()
    $body = $Ascii.GetBytes("{`"v`":1,`"host`":`"$HostName`",`"path`":`"$PathName`",`"fleet`":$fleetText,`"generation`":$Generation,`"slot`":$Slot,`"at`":$At,$What}")
    $told = [long][Math]::Floor((Get-Milliseconds) / 1000)
    $signature = Get-Hmac "v1`nPOST`n$($url.PathAndQuery)`n$told`n$(Get-Hex (Get-Sha256 $body))"
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
    $request = [Net.HttpWebRequest]::Create($url)
    $request.Method = 'POST'
    $request.Timeout = 10000
    $request.ReadWriteTimeout = 10000
    $request.AllowAutoRedirect = $false
    $request.ServicePoint.Expect100Continue = $false
    $request.ContentType = 'application/json'
    $request.Headers.Add('x-mail-canary-timestamp', [string]$told)
    $request.Headers.Add('x-mail-canary-signature', "v1=$signature")
    $stream = $request.GetRequestStream()
    $stream.Write($body, 0, $body.Length)
    $stream.Close()
    $request.GetResponse().Close()
  } catch {
    $words = $_.Exception.GetBaseException().Message
    $failure = $_.Exception.GetBaseException()
    if ($failure -is [Net.WebException] -and $failure.Response) {
      $words = (New-Object IO.StreamReader $failure.Response.GetResponseStream()).ReadToEnd()
    }
    [Console]::Error.WriteLine("mail-canary: telling the monitor failed: $words")
  }
}

# One mail over SMTP. $script:Said is the conversation in the form of curl's, $script:Code an exit status of curl's.
function Read-Reply {
  do {
    $line = ''
    while ($true) {
      $left = $TimeoutMs - $script:Watch.ElapsedMilliseconds
      if ($left -le 0 -or $script:Said.Count -gt 200) { $script:Code = 28; throw 'no answer before the deadline' }
      $script:Stream.ReadTimeout = [int]$left
      $byte = $script:Stream.ReadByte()
      if ($byte -lt 0) { $script:Code = 56; throw 'the server closed the connection' }
      if ($byte -eq 10) { break }
      if ($byte -ne 13 -and $line.Length -lt 1000) { $line += [char]$byte }
    }
    $script:Said.Add("< $line")
  } while ($line -match '^\d{3}-')
  $line
}
function Send-Bytes([string]$Text) {
  $bytes = $Ascii.GetBytes($Text)
  $script:Stream.WriteTimeout = $TimeoutMs
  $script:Stream.Write($bytes, 0, $bytes.Length)
}
function Step([string]$Command, [string]$Wanted) {
  if ($Command) {
    $script:Said.Add("> $Command")
    Send-Bytes "$Command`r`n"
  }
  $reply = Read-Reply
  if ($reply -notmatch "^$Wanted") { $script:Code = 55; throw "refused: $reply" }
}
function Start-Tls($Inner) {
  $check = {
    param($origin, $certificate, $chain, $problems)
    if ("$problems" -match 'NameMismatch') { $script:Said.Add('* certificate: name mismatch') }
    elseif ("$problems" -ne 'None') {
      $status = ($chain.ChainStatus | ForEach-Object { $_.Status }) -join ', '
      $script:Said.Add('* certificate: ' + ($status -replace 'NotTimeValid', 'expired or not yet valid'))
    }
    "$problems" -eq 'None'
  }
  $script:Code = 60
  $secured = New-Object Net.Security.SslStream $Inner, $false, ([Net.Security.RemoteCertificateValidationCallback]$check)
  $secured.AuthenticateAsClient($RelayHost, $null, [Security.Authentication.SslProtocols]::Tls12, $false)
  $script:Code = 56
  $script:Stream = $secured
}
function Send-Mail([string]$Mail, [string]$To) {
  $script:Said = New-Object 'Collections.Generic.List[string]'
  $script:Watch = [Diagnostics.Stopwatch]::StartNew()
  $script:Left = ''
  $script:Code = 6
  $client = $null
  try {
    $address = [Net.Dns]::GetHostAddresses($RelayHost)[0]
    $script:Code = 7
    $client = New-Object Net.Sockets.TcpClient $address.AddressFamily
    $attempt = $client.BeginConnect($address, $RelayPort, $null, $null)
    if (-not $attempt.AsyncWaitHandle.WaitOne($TimeoutMs)) { $script:Code = 28; throw 'no answer to the connection attempt' }
    $client.EndConnect($attempt)
    $script:Said.Add("* Connected to $RelayHost ($address) port $RelayPort")
    $script:Left = $client.Client.LocalEndPoint.Address.ToString()
    $script:Code = 56
    $script:Stream = $client.GetStream()
    if ($Secure) { Start-Tls $script:Stream }
    $name = [Net.Dns]::GetHostName()
    Step '' '2'
    Step "EHLO $name" '2'
    if ($RequireTls) {
      Step 'STARTTLS' '2'
      Start-Tls $script:Stream
      Step "EHLO $name" '2'
    }
    Step "MAIL FROM:<$From>" '2'
    Step "RCPT TO:<$To>" '2'
    Step 'DATA' '3'
    Send-Bytes "$Mail.`r`n"
    Step '' '2'
    $script:Code = 0
    try { Send-Bytes "QUIT`r`n" } catch { }
  } catch {
    $failure = $_.Exception.GetBaseException()
    if ($failure -is [Net.Sockets.SocketException]) {
      $kind = "$($failure.SocketErrorCode)"
      if ($kind -eq 'TimedOut') { $script:Code = 28 }
      if ($kind -eq 'ConnectionRefused') { $script:Said.Add('* connect failed: Connection refused') }
      if ($kind -match 'Unreachable') { $script:Said.Add('* connect failed: No route to host') }
    }
    $script:Said.Add("curl: ($($script:Code)) $($failure.Message)")
  } finally {
    if ($client) { $client.Close() }
  }
}
function Get-Encoded([string]$Text) {
  [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($Text.Substring(0, [Math]::Min(4000, $Text.Length))))
}

if (-not $Now -and $Delay -gt 0) { Start-Sleep -Seconds (Get-Random -Maximum ($Delay + 1)) }
$SentAt = Get-Milliseconds
$Minute = [long][Math]::Floor($SentAt / 60000)
$Slot = $Minute - $Minute % $Minutes
$names = ($Mailboxes | ForEach-Object { '"' + $_.Split('=', 2)[0] + '"' }) -join ','
$own = [Net.Dns]::GetHostAddresses([Net.Dns]::GetHostName()) | Where-Object { $_.AddressFamily -eq 'InterNetwork' } | Select-Object -First 1
$address = ''
if ($own) { $address = ",`"address`":`"$own`"" }
Send-Telling $Slot $SentAt "`"phase`":`"sending`"$address,`"mailboxes`":[$names]"

$failed = 0
foreach ($pair in $Mailboxes) {
  $mailbox, $to = $pair.Split('=', 2)
  $SentAt = Get-Milliseconds
  Send-Mail (New-Canary "$HostName/$PathName/$mailbox" $Slot $SentAt $to) $to
  if ($script:Code -ne 0) {
    $failed = 1
    [Console]::Error.WriteLine("mail-canary: the mail to $to failed: $($script:Said[$script:Said.Count - 1])")
  }
  $leftFrom = ''
  if ($script:Left) { $leftFrom = ",`"leftFrom`":`"$($script:Left)`"" }
  $said = Get-Encoded (($script:Said | ForEach-Object { $_ }) -join "`n")
  Send-Telling $Slot $SentAt "`"phase`":`"done`",`"mailbox`":`"$mailbox`",`"via`":`"smtp`",`"exit`":$($script:Code),`"said`":`"$said`"$leftFrom"
}
exit $failed
