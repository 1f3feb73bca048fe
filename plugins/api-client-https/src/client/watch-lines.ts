/** The events of a watch: one JSON object a line. */
import type { IncomingMessage } from 'node:http';
import { errorMessage, type Timers } from '@timonel/sdk';
import { ApiError } from '@timonel/sdk/kube';

/** The largest object that an API server takes is far smaller. */
const lineLimitBytes = 32 * 1024 * 1024;

/** Whole lines, as they come. @throws ApiError ServiceUnavailable when the stream breaks off or stays silent for too long. */
export async function* watchLines(
  response: IncomingMessage,
  silence: { readonly timers: Timers; readonly timeoutMs: number | undefined },
): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let bytes = 0;
  const { timers, timeoutMs } = silence;
  const onSilence = (): void => void response.destroy(new Error(`nothing came for ${timeoutMs ?? 0} ms`));
  let timer = timeoutMs === undefined ? undefined : timers.after(timeoutMs, onSilence);
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      timer?.cancel();
      let from = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
        parts.push(chunk.subarray(from, end));
        yield Buffer.concat(parts).toString('utf8');
        parts = [];
        bytes = 0;
        from = end + 1;
      }
      parts.push(chunk.subarray(from));
      bytes += chunk.length - from;
      if (bytes > lineLimitBytes) throw new Error(`an event is larger than ${lineLimitBytes} bytes`);
      timer = timeoutMs === undefined ? undefined : timers.after(timeoutMs, onSilence);
    }
  } catch (error) {
    throw new ApiError('ServiceUnavailable', `the watch broke off: ${errorMessage(error)}`, undefined, {
      cause: error,
    });
  } finally {
    timer?.cancel();
    response.destroy();
  }
}
