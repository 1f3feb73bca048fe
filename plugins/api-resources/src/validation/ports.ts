const portName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

export function portNumberProblems(port: unknown): string[] {
  return typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535
    ? []
    : ['must be between 1 and 65535, inclusive'];
}

/** An IANA service name (RFC 6335): names of container ports. */
export function portNameProblems(name: string): string[] {
  const problems: string[] = [];
  if (name.length > 15) problems.push('must be no more than 15 characters');
  if (!portName.test(name))
    problems.push(
      'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-) and may not begin or end with a hyphen',
    );
  if (!/[a-z]/.test(name)) problems.push('must contain at least one letter (a-z)');
  if (name.includes('--')) problems.push('must not contain consecutive hyphens');
  return problems;
}

/** A number or the name of a port. */
export function portReferenceProblems(port: unknown): string[] {
  return typeof port === 'string' ? portNameProblems(port) : portNumberProblems(port);
}
