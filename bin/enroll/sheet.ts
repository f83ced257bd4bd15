/** What `enroll` prints: the scripts, and the lines that let cron, systemd or Windows run them. */
import { delayOf, minutesOf } from '../../lambdas/paths/heartbeat/settings.ts';
import { type Enrolled, powerShellScript, shellScript } from './script.ts';

export type Platform = 'linux' | 'windows';

const heading = (text: string): string => `# ===== ${text} =====`;

/** Every so many minutes, from the full hour on. */
const cronOf = (minutes: number): string =>
  minutes === 1 ? '* * * * *' : minutes === 60 ? '0 * * * *' : `*/${minutes} * * * *`;
const calendarOf = (minutes: number): string => (minutes === 60 ? '*:00' : `*:00/${minutes}`);

const linux = (of: Enrolled): string[] => {
  const minutes = minutesOf(of.settings);
  const delay = delayOf(of.settings);
  const name = `mail-canary-${of.path}`;
  const file = `/usr/local/sbin/${name}`;
  return [
    heading(`Linux: the script, ${file}. It holds a key: mode 0700, and no copy anywhere else`),
    'umask 077',
    `cat > ${file} <<'END-OF-SCRIPT'`,
    `${shellScript(of)}END-OF-SCRIPT`,
    `chmod 0700 ${file}`,
    `${file} --now   # a trial: says nothing when all is well`,
    '',
    heading('Linux with systemd: service and timer'),
    `cat > /etc/systemd/system/${name}.service <<'END-OF-UNIT'`,
    '[Unit]',
    `Description=Mail canary of path ${of.path}`,
    'Wants=network-online.target',
    'After=network-online.target',
    '',
    '[Service]',
    'Type=oneshot',
    `ExecStart=${file} --now`,
    'TimeoutStartSec=5min',
    'END-OF-UNIT',
    `cat > /etc/systemd/system/${name}.timer <<'END-OF-UNIT'`,
    '[Unit]',
    `Description=Mail canary of path ${of.path}, every ${minutes} minutes`,
    '',
    '[Timer]',
    `OnCalendar=${calendarOf(minutes)}`,
    `RandomizedDelaySec=${delay}`,
    'AccuracySec=1s',
    '',
    '[Install]',
    'WantedBy=timers.target',
    'END-OF-UNIT',
    'chmod 0644 /etc/systemd/system/mail-canary-*',
    `systemctl daemon-reload && systemctl enable --now ${name}.timer`,
    '',
    heading('Linux with cron instead: one line; the script waits a random time by itself'),
    `echo '${cronOf(minutes)} root ${file} 2>&1 | logger -t ${name}' > /etc/cron.d/${name}`,
    `chmod 0644 /etc/cron.d/${name}`,
    '',
  ];
};

const windows = (of: Enrolled): string[] => {
  const name = `mail-canary-${of.path}`;
  const folder = 'C:\\ProgramData\\MailCanary';
  const file = `${folder}\\${name}.ps1`;
  return [
    heading(`Windows: the script, ${file}. It holds a key: the folder is closed to all but SYSTEM and Administrators`),
    `New-Item -ItemType Directory -Force ${folder} | Out-Null`,
    `icacls ${folder} /inheritance:r /grant:r "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F"`,
    `@'`,
    `${powerShellScript(of)}'@ | Set-Content -Encoding ASCII ${file}`,
    `powershell.exe -NoProfile -ExecutionPolicy Bypass -File ${file} -Now   # a trial: says nothing when all is well`,
    '',
    heading('Windows: the scheduled task; the script waits a random time by itself'),
    `schtasks /Create /F /TN ${name} /SC MINUTE /MO ${minutesOf(of.settings)} /ST 00:00 /RU SYSTEM /TR "powershell.exe -NoProfile -ExecutionPolicy Bypass -File ${file}"`,
    `# or, where tasks are made with PowerShell (Windows Server 2016 and later):`,
    `$action = New-ScheduledTaskAction -Execute powershell.exe -Argument '-NoProfile -ExecutionPolicy Bypass -File ${file}'`,
    `$trigger = New-ScheduledTaskTrigger -Once -At (Get-Date).Date -RepetitionInterval (New-TimeSpan -Minutes ${minutesOf(of.settings)})`,
    `$limits = New-ScheduledTaskSettingsSet -ExecutionTimeLimit (New-TimeSpan -Minutes ${Math.ceil(delayOf(of.settings) / 60) + 5}) -StartWhenAvailable:$false`,
    `Register-ScheduledTask -Force -TaskName ${name} -User 'NT AUTHORITY\\SYSTEM' -Action $action -Trigger $trigger -Settings $limits`,
    '',
  ];
};

const parts: Readonly<Record<Platform, (of: Enrolled) => string[]>> = { linux, windows };

/** The whole print, with the key in it. */
export const sheetOf = (of: Enrolled, platforms: readonly Platform[]): string => {
  const whose = of.key.host === 'every' ? 'every host of the fleet' : of.key.host;
  return [
    `# Mail Canary: ${whose}, path ${of.path}, generation ${of.generation} of its key. This text holds the key: do not keep it.`,
    ...(of.noteUrl === undefined
      ? [
          '# No note URL: only the mail is watched. Name one with noteUrl in the settings or --note-url to hear why it fails.',
        ]
      : [`# Tells ${of.noteUrl}`]),
    '',
    ...platforms.flatMap((platform) => parts[platform](of)),
  ].join('\n');
};
