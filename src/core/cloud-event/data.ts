/** The data of a CloudEvent on its way into and out of a body: JSON, or text or bytes that are carried as they are. */
import { ValidationError } from '../errors.ts'
import { toJson } from '../json.ts'

/** Whether a media type says JSON, as `application/json` and `application/vnd.bank+json` do; without one, it is JSON. */
export function isJson(mediaType: unknown): boolean {
  return mediaType === undefined || /^[^;]*[/+]json\s*(?:;|$)/i.test(String(mediaType))
}

/** Data that is not bytes, as the text of its media type. */
export function encodeData(data: unknown, mediaType: unknown, eventType: string): string {
  if (isJson(mediaType)) return toJson(data, `data of ${eventType}`)
  if (typeof data !== 'string') throw invalid('must be text or bytes: its datacontenttype is not JSON', 'data')
  return data
}

/** What a JSON body says; one that a framework has parsed already passes through. */
export function parsed(body: unknown, ...path: readonly string[]): unknown {
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return body
  try {
    return JSON.parse(typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (cause) {
    throw invalid(`the body is not JSON (${(cause as Error).message})`, ...path)
  }
}

/** Whether a body has nothing in it. */
export function isEmpty(body: unknown): boolean {
  return body === undefined || body === null || ((typeof body === 'string' || body instanceof Uint8Array) && body.length === 0)
}

/** The refusal of a CloudEvent; `path` names the attribute. */
export function invalid(message: string, ...path: readonly string[]): ValidationError {
  return new ValidationError('A CloudEvent', [{ message, path }])
}
