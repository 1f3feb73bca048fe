import { dnsSubdomainProblems } from '@timonel/sdk/kube';

/** A path behind a domain, as controllers are named: `example.com/controller`. */
export function prefixedPathProblems(text: string): string[] {
  const slash = text.indexOf('/');
  if (slash < 1 || slash === text.length - 1) return ['must be a domain-prefixed path (such as "acme.io/foo")'];
  const path = text.slice(slash + 1);
  return [
    ...dnsSubdomainProblems(text.slice(0, slash)).map((problem) => `prefix part ${problem}`),
    ...(/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(path) ? [] : ['Invalid path']),
  ];
}
