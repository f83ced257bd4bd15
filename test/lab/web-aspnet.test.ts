/** What mail-canary.ashx reads out of the exceptions of .NET, whose words Mono does not make; and that C# 5 compiles it. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { examples, siteOf } from './web-programs.ts';

/** Calls the private method with exceptions as .NET makes them: a sentence in the language of the machine, then the server's words. */
const program = `
using System;
using System.Net.Mail;
using System.Reflection;
public static class Try
{
    private static void Say(Exception error)
    {
        MethodInfo method = typeof(MailCanaryEndpoint).GetMethod("ReplyIn", BindingFlags.NonPublic | BindingFlags.Static);
        Console.WriteLine(method.Invoke(null, new object[] { error }) ?? "none");
    }

    private static T With<T>(T error, SmtpStatusCode code) where T : SmtpException { error.StatusCode = code; return error; }

    public static void Main()
    {
        SmtpStatusCode unavailable = SmtpStatusCode.MailboxUnavailable;
        string sentence = new SmtpException(unavailable).Message;
        Say(With(new SmtpException(sentence + " The server response was: 5.7.1 Unable to relay: see http://x/"), unavailable));
        Say(With(new SmtpFailedRecipientException(sentence + " Die Serverantwort war: 5.7.54 SMTP; Unable to relay"), unavailable));
        Say(new SmtpFailedRecipientsException("some", new[] { With(new SmtpFailedRecipientException(sentence + " The server response was: 5.1.1 no such user"), unavailable) }));
        Say(With(new SmtpException("5.7.1 client host rejected"), SmtpStatusCode.TransactionFailed));
        Say(new SmtpException(unavailable));
        Say(new SmtpException("Failure sending mail."));
        Say(new InvalidOperationException("no host"));
    }
}
`;

test('the reply of the server, out of what .NET says', () => {
  const site = siteOf({ 'try.cs': program });
  onTestFinished(site.stop);
  const source = readFileSync(join(examples, 'aspnet/mail-canary.ashx'), 'utf8').replace(/^<%@.*%>/, '');
  writeFileSync(join(site.folder, 'endpoint.cs'), source);
  writeFileSync(join(site.folder, 'failures.cs'), readFileSync(join(examples, 'aspnet/MailCanaryFailures.cs')));
  const references = ['System.Web', 'System.Web.Extensions', 'System.Configuration'].map((name) => `-r:${name}`);
  const cwd = site.folder;
  execFileSync(
    'mcs',
    ['-langversion:5', '-nowarn:618', ...references, 'endpoint.cs', 'failures.cs', 'try.cs', '-out:try.exe'],
    {
      cwd,
    },
  );
  expect(execFileSync('mono', ['try.exe'], { cwd, encoding: 'utf8' }).trim().split('\n')).toEqual([
    '550 5.7.1 Unable to relay: see http://x/',
    '550 5.7.54 SMTP; Unable to relay',
    '550 5.1.1 no such user',
    '554 5.7.1 client host rejected',
    '550',
    'none',
    'none',
  ]);
});
