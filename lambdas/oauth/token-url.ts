/** To which URLs secrets may be sent: only over TLS, or to this machine itself. */

/** True for names and addresses of this machine itself, as a URL or the settings write them. */
export const isLoopback = (host: string): boolean =>
  /^(localhost|.*\.localhost|127(\.\d{1,3}){3}|::1)$/i.test(host.replace(/\.$/, '').replace(/^\[|\]$/g, ''));

/** True for an https URL, or http to loopback, that holds no password, no fragment and no placeholder. */
export const isTokenUrl = (text: string): boolean => {
  const url = URL.parse(text);
  return (
    url !== null &&
    !/[{}]/.test(text) &&
    (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))) &&
    url.username === '' &&
    url.password === '' &&
    url.hash === ''
  );
};
