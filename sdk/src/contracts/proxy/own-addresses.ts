/** Loopback, unspecified, link-local, multicast and broadcast: no service may take traffic that a machine sends to itself. */
export function isOfMachine(address: string): boolean {
  return /^((0|127|169\.254|22[4-9]|2[345]\d)\.|::1?$|fe[89ab]|ff)/i.test(address);
}
