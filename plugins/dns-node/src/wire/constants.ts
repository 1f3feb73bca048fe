/** Numbers of DNS messages. Source: RFC 1035 sections 3.2 and 4.1, RFC 2782 (SRV), RFC 3596 (AAAA), RFC 6891 (OPT), RFC 8482 (ANY). */
export const recordTypes = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  ANY: 255,
} as const;

export const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
export type Rcode = (typeof rcodes)[keyof typeof rcodes];

export const classInternet = 1;

/** Bits of the second 16-bit word of the header. */
export const flags = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, CD: 0x0010 } as const;
export const opcodeMask = 0x7800;
export const rcodeMask = 0x000f;

export const headerBytes = 12;
/** A datagram's bound for clients that name none. Source: RFC 1035, 4.2.1. */
export const classicUdpBytes = 512;
/** Ours, whatever clients offer: it is never sent in fragments. Source: the DNS flag day 2020. */
export const largestUdpBytes = 1232;
export const largestMessageBytes = 65_535;
