// Counts mails of the application's own that failed. Put this file into App_Code (or compile it into the application), and call
// MailCanaryFailures.Count() wherever a mail fails: in the catch around SmtpClient.Send, or for all of them in Global.asax:
//
//   void Application_Error(object sender, EventArgs e)
//   {
//       for (Exception one = Server.GetLastError(); one != null; one = one.InnerException)
//           if (one is System.Net.Mail.SmtpException) { MailCanaryFailures.Count(); break; }
//   }
//
// mail-canary.ashx tells the monitor how many there were since it was last asked. A restart of the application forgets them.
using System;
using System.Threading;

public static class MailCanaryFailures
{
    private static readonly object Gate = new object();

    public static void Count()
    {
        Interlocked.Increment(ref Counter()[0]);
    }

    // Handlers and App_Code are compiled apart and cannot see each other's classes: what both see is the application domain.
    private static int[] Counter()
    {
        lock (Gate)
        {
            int[] known = AppDomain.CurrentDomain.GetData("MailCanary.Failures") as int[];
            if (known == null) AppDomain.CurrentDomain.SetData("MailCanary.Failures", known = new int[1]);
            return known;
        }
    }
}
