/** Every code that this part uses. */
export const pkiErrorCodes = {
  ERR_PKI_CERTIFICATE: 'the text is no certificate',
  ERR_PKI_REQUEST: 'the certificate signing request cannot be read, or its signature does not fit its key',
  ERR_PKI_FILE: 'a certificate or key file cannot be used',
} as const;

/** A code of {@link pkiErrorCodes}. */
export type PkiErrorCode = keyof typeof pkiErrorCodes;

/** A certificate, request or key file that cannot be used. Recognise it by `code`. */
export class PkiError extends Error {
  override readonly name: string = 'PkiError';
  readonly code: PkiErrorCode;

  constructor(code: PkiErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}
