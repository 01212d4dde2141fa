/** A readable compile-time failure: the message is the type, and it stands on the element that is wrong. */
export interface TypeProblem<Message extends string> {
  readonly '~problem': Message
}
