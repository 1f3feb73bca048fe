import { errorCode, errorMessage } from '@timonel/sdk';

/** Why a socket failed, for the log. */
export function socketReason(error: unknown): string {
  const code = errorCode(error);
  // The texts of OpenSSL are full of numbers and file names.
  return code?.startsWith('ERR_SSL_') === true ? code : errorMessage(error).trim();
}
