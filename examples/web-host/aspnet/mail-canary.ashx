<%@ WebHandler Language="C#" Class="MailCanaryEndpoint" %>
// The endpoint that a web application offers to Mail Canary: it checks who asks, and sends the canary as the application does:
// with <system.net><mailSettings> of this site. Drop this one file into the site, and three settings into web.config:
//
//   <appSettings>
//     <add key="MailCanary.Secret" value="..." />                 shared with the monitor
//     <add key="MailCanary.Recipients" value="canary@mailbox-elsewhere.example, canary@example.com" />
//     <add key="MailCanary.Host" value="web-03" />                default: the name of the machine
//   </appSettings>
//
// Optional: MailCanary.From (the only sender that is accepted), MailCanary.PerMinute (1), MailCanary.MostBody (16384 bytes; a
// canary with "size: 5 MB" needs about 7000000, and httpRuntime maxRequestLength and maxAllowedContentLength as well), and
// MailCanary.Path (the path that the monitor calls, where a proxy on the way changes it).
// .NET Framework 4.5 and later; written in C# 5, which every one of them compiles. The protocol is in the README of Mail Canary.
using System;
using System.Collections.Generic;
using System.Configuration;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Mail;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading;
using System.Web;
using System.Web.Script.Serialization;

public class MailCanaryEndpoint : IHttpHandler
{
    private sealed class Answer
    {
        public int Status;
        public Dictionary<string, object> Body = new Dictionary<string, object>();
        public Answer(int status, string name, object value) { Status = status; And(name, value); }
        public Answer And(string name, object value) { if (value != null) Body[name] = value; return this; }
    }

    private sealed class Bucket { public DateTime At; public double Left; }

    private static readonly TimeSpan MostSkew = TimeSpan.FromMinutes(5);
    // How long an id is remembered, and how many at most: longer than a signature can be used.
    private static readonly TimeSpan RememberFor = TimeSpan.FromHours(1);
    private const int RememberMost = 10000;
    private static readonly DateTime Epoch = new DateTime(1970, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly UTF8Encoding Utf8 = new UTF8Encoding(false);

    // Answers by id: a request that comes again, even while the mail is being sent, gets the same answer and sends no second mail.
    private static readonly Dictionary<string, Lazy<Answer>> Answers = new Dictionary<string, Lazy<Answer>>();
    private static readonly Queue<KeyValuePair<DateTime, string>> Oldest = new Queue<KeyValuePair<DateTime, string>>();
    private static readonly Dictionary<string, Bucket> Recent = new Dictionary<string, Bucket>();

    public bool IsReusable { get { return true; } }

    public void ProcessRequest(HttpContext context)
    {
        HttpResponse response = context.Response;
        response.TrySkipIisCustomErrors = true;
        response.SuppressFormsAuthenticationRedirect = true;
        string signature = null;
        Answer answer;
        try { answer = Handle(context.Request, out signature); }
        catch (Exception error) { answer = new Answer(500, "error", "the endpoint failed: " + error.GetType().Name); }
        Dictionary<string, object> body = new Dictionary<string, object>(answer.Body);
        // Set by the application when one of its own mails fails; see the README beside this file.
        int[] failures = body.ContainsKey("state") ? AppDomain.CurrentDomain.GetData("MailCanary.Failures") as int[] : null;
        int told = failures == null ? 0 : Interlocked.Exchange(ref failures[0], 0);
        if (failures != null) body["failures"] = Math.Min(told, 1000000);
        byte[] text = Utf8.GetBytes(new JavaScriptSerializer().Serialize(body));
        response.StatusCode = answer.Status;
        response.ContentType = "application/json";
        if (signature != null)
            response.AppendHeader("X-Mail-Canary-Signature", Mac("v1", "answer", answer.Status.ToString(CultureInfo.InvariantCulture), signature, Sha256(text)));
        try
        {
            response.OutputStream.Write(text, 0, text.Length);
            response.Flush();
            if (response.IsClientConnected) told = 0;
        }
        finally
        {
            // What did not go out is told next time.
            if (told > 0) Interlocked.Add(ref failures[0], told);
        }
    }

    private static string Setting(string name, string otherwise)
    {
        string value = ConfigurationManager.AppSettings["MailCanary." + name];
        return string.IsNullOrEmpty(value) ? otherwise : value;
    }

    private static string Hex(byte[] bytes) { return string.Concat(bytes.Select(one => one.ToString("x2"))); }

    private static string Sha256(byte[] bytes) { using (SHA256 sha = SHA256.Create()) return Hex(sha.ComputeHash(bytes)); }

    private static string Mac(params string[] lines)
    {
        string secret = Setting("Secret", null);
        if (secret == null) throw new ConfigurationErrorsException("MailCanary.Secret is missing");
        using (HMACSHA256 mac = new HMACSHA256(Utf8.GetBytes(secret)))
            return "v1=" + Hex(mac.ComputeHash(Utf8.GetBytes(string.Join("\n", lines))));
    }

    // In constant time.
    private static bool Same(string expected, string given)
    {
        if (expected.Length != given.Length) return false;
        int difference = 0;
        for (int i = 0; i < expected.Length; i++) difference |= expected[i] ^ given[i];
        return difference == 0;
    }

    private static byte[] Read(HttpRequest request, int most)
    {
        if (request.ContentLength > most) return null;
        using (MemoryStream kept = new MemoryStream())
        {
            byte[] buffer = new byte[16384];
            int count;
            while ((count = request.InputStream.Read(buffer, 0, buffer.Length)) > 0)
            {
                if (kept.Length + count > most) return null;
                kept.Write(buffer, 0, count);
            }
            return kept.ToArray();
        }
    }

    private static Answer Handle(HttpRequest request, out string signature)
    {
        signature = null;
        if (request.HttpMethod != "POST") return new Answer(405, "error", "only POST");
        int most = int.Parse(Setting("MostBody", "16384"), CultureInfo.InvariantCulture);
        byte[] raw = Read(request, most);
        if (raw == null) return new Answer(413, "error", "a body has at most " + most + " bytes; larger canaries need MailCanary.MostBody");
        string timestamp = request.Headers["X-Mail-Canary-Timestamp"] ?? "";
        string given = request.Headers["X-Mail-Canary-Signature"] ?? "";
        string expected = Mac("v1", "POST", Setting("Path", request.RawUrl), timestamp, Sha256(raw));
        bool fresh = Regex.IsMatch(timestamp, @"\A[0-9]{1,12}\z")
            && (DateTime.UtcNow - Epoch.AddSeconds(double.Parse(timestamp, CultureInfo.InvariantCulture))).Duration() <= MostSkew;
        if (!fresh || !Same(expected, given))
            return new Answer(401, "error", "the signature or its timestamp is wrong: compare secret, path and clock");
        signature = given;
        Dictionary<string, object> mail = Parse(raw);
        string wrong = FaultOf(mail);
        if (wrong != null) return new Answer(400, "error", wrong);
        string host = Setting("Host", Environment.MachineName);
        if ((string)mail["host"] != host) return new Answer(421, "host", host);
        string to = Setting("Recipients", "").Split(',').Select(one => one.Trim())
            .FirstOrDefault(one => one.Length > 0 && string.Equals(one, (string)mail["to"], StringComparison.OrdinalIgnoreCase));
        if (to == null) return new Answer(403, "error", "this recipient is not in the list of this endpoint");
        if (Setting("From", (string)mail["from"]) != (string)mail["from"])
            return new Answer(403, "error", "this sender is not the one of this endpoint");
        Lazy<Answer> answer;
        lock (Answers)
        {
            DateTime now = DateTime.UtcNow;
            while (Oldest.Count > 0 && (now - Oldest.Peek().Key > RememberFor || Oldest.Count >= RememberMost)) Answers.Remove(Oldest.Dequeue().Value);
            string id = (string)mail["id"];
            if (!Answers.TryGetValue(id, out answer))
            {
                if (!MayGoTo(to, now)) return new Answer(429, "error", "no more than " + Setting("PerMinute", "1") + " a minute for one recipient");
                answer = new Lazy<Answer>(() => Send(mail, to));
                Answers[id] = answer;
                Oldest.Enqueue(new KeyValuePair<DateTime, string>(now, id));
            }
        }
        return answer.Value;
    }

    // One a minute on average; one more at once, because canaries of two minutes may come a few seconds apart.
    private static bool MayGoTo(string recipient, DateTime now)
    {
        double perMinute = double.Parse(Setting("PerMinute", "1"), CultureInfo.InvariantCulture);
        Bucket bucket;
        if (!Recent.TryGetValue(recipient, out bucket)) Recent[recipient] = bucket = new Bucket { At = now, Left = perMinute + 1 };
        bucket.Left = Math.Min(perMinute + 1, bucket.Left + (now - bucket.At).TotalMinutes * perMinute);
        bucket.At = now;
        if (bucket.Left < 1) return false;
        bucket.Left -= 1;
        return true;
    }

    private static Answer Send(Dictionary<string, object> mail, string to)
    {
        string server = null;
        try
        {
            // No arguments: host, port, login and TLS are those of <system.net><mailSettings>.
            using (SmtpClient client = new SmtpClient())
            using (MailMessage message = new MailMessage((string)mail["from"], to))
            {
                server = client.Host;
                message.Subject = (string)mail["subject"];
                message.SubjectEncoding = Encoding.ASCII;
                message.Body = (string)mail["text"];
                message.BodyEncoding = Encoding.ASCII;
                message.Headers.Add("Message-ID", (string)mail["messageId"]);
                foreach (KeyValuePair<string, object> header in (Dictionary<string, object>)mail["headers"])
                    message.Headers.Add(header.Key, (string)header.Value);
                object attachment;
                if (mail.TryGetValue("attachment", out attachment))
                {
                    Dictionary<string, object> one = (Dictionary<string, object>)attachment;
                    byte[] bytes = Convert.FromBase64String((string)one["base64"]);
                    message.Attachments.Add(new Attachment(new MemoryStream(bytes), (string)one["name"], "application/octet-stream"));
                }
                client.Send(message);
                return new Answer(200, "state", "sent").And("server", server);
            }
        }
        // The monitor must hear of it: an exception that nobody hears of is what it was installed against.
        catch (Exception error)
        {
            return new Answer(502, "state", "failed").And("error", error.Message).And("response", ReplyIn(error)).And("server", server).And("code", CodeIn(error));
        }
    }

    // The reply of the server. Its code is the status; its words follow a sentence of .NET and "The server response was:", both
    // in the language of the machine. A mailer that keeps the words to itself (Mono) leaves the code alone.
    private static string ReplyIn(Exception error)
    {
        SmtpFailedRecipientsException several = error as SmtpFailedRecipientsException;
        SmtpException refused = several != null && several.InnerExceptions.Length > 0 ? several.InnerExceptions[0] : error as SmtpException;
        if (refused == null || (int)refused.StatusCode < 400) return null;
        string code = ((int)refused.StatusCode).ToString(CultureInfo.InvariantCulture);
        string sentence = new SmtpException(refused.StatusCode).Message;
        string words = refused.Message;
        if (words.StartsWith(sentence, StringComparison.Ordinal))
            words = Regex.Replace(words.Substring(sentence.Length), @"\A[^:]{0,100}: ?", "").Trim();
        return words.StartsWith(code, StringComparison.Ordinal) ? words : (code + " " + words).Trim();
    }

    private static string CodeIn(Exception error)
    {
        for (Exception one = error; one != null; one = one.InnerException)
        {
            if (one is System.Security.Authentication.AuthenticationException) return "ETLS";
            SocketException socket = one as SocketException;
            if (socket == null) continue;
            switch (socket.SocketErrorCode)
            {
                case SocketError.ConnectionRefused: return "ECONNREFUSED";
                case SocketError.TimedOut: return "ETIMEDOUT";
                case SocketError.HostNotFound: case SocketError.NoData: case SocketError.TryAgain: return "ENOTFOUND";
                case SocketError.HostUnreachable: case SocketError.HostDown: return "EHOSTUNREACH";
                case SocketError.NetworkUnreachable: return "ENETUNREACH";
                case SocketError.ConnectionReset: case SocketError.ConnectionAborted: return "ECONNRESET";
            }
        }
        return null;
    }

    private static Dictionary<string, object> Parse(byte[] raw)
    {
        try { return new JavaScriptSerializer { MaxJsonLength = int.MaxValue, RecursionLimit = 8 }.DeserializeObject(Utf8.GetString(raw)) as Dictionary<string, object>; }
        catch (ArgumentException) { return null; }
        catch (InvalidOperationException) { return null; }
    }

    // What is wrong with a request; a line break or an address list in a field would be a way to other headers and recipients.
    private static string FaultOf(Dictionary<string, object> mail)
    {
        if (mail == null) return "the body must be a JSON object";
        Func<object, bool> oneLine = value => value is string && !Regex.IsMatch((string)value, @"[\x00-\x1f\x7f]");
        foreach (string name in new[] { "host", "id", "from", "to", "subject", "messageId", "text" })
        {
            if (!mail.ContainsKey(name) || !(mail[name] is string) || (string)mail[name] == "") return name + " must be a text";
            if (name != "text" && !oneLine(mail[name])) return name + " must be one line";
        }
        foreach (string name in new[] { "from", "to" })
            if (!Regex.IsMatch((string)mail[name], @"\A[^\s,;:<>()""@]+@[^\s,;:<>()""@]+\z")) return name + " must be one plain address";
        Dictionary<string, object> headers = mail.ContainsKey("headers") ? mail["headers"] as Dictionary<string, object> : null;
        if (headers == null) return "headers must be an object";
        foreach (KeyValuePair<string, object> header in headers)
        {
            string name = header.Key.ToLowerInvariant();
            if (name != "x-mail-canary" && name != "auto-submitted") return "only the headers X-Mail-Canary and Auto-Submitted are accepted";
            if (!oneLine(header.Value)) return "every header must be one line";
        }
        if (!mail.ContainsKey("attachment")) return null;
        Dictionary<string, object> attachment = mail["attachment"] as Dictionary<string, object>;
        Func<string, string> text = name => attachment != null && attachment.ContainsKey(name) ? attachment[name] as string : null;
        if (!Regex.IsMatch(text("name") ?? "", @"\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z") || text("type") != "application/octet-stream")
            return "attachment must have a plain file name and the type application/octet-stream";
        string base64 = text("base64") ?? "";
        return base64.Length % 4 == 0 && Regex.IsMatch(base64, @"\A[A-Za-z0-9+/]+={0,2}\z") ? null : "attachment.base64 must be base64";
    }
}
