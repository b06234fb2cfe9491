import type { Problem, Progress, Prompt } from '../control/answers.js'
import { sentence } from './format.js'
import { printable, printableJson } from './printable.js'
import { ProgressLine, progressText } from './progress-line.js'

/** The part of a stream that output needs; process.stdout and process.stderr are two. */
export interface Sink {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface OutputOptions {
  readonly stdout: Sink
  readonly stderr: Sink
  /** Exactly one JSON document on stdout, also for a failure. */
  readonly json: boolean
  /** Nothing but failures and what only the user can do. */
  readonly quiet: boolean
  /** Progress as lines, at once, also where there is no terminal. */
  readonly verbose: boolean
}

/** Everything that a command prints goes through here, and is made safe for a terminal here. */
export class Output {
  readonly #options: OutputOptions
  readonly #progress: ProgressLine | undefined

  constructor(options: OutputOptions) {
    this.#options = options
    const live = options.stderr.isTTY === true && !options.quiet && !options.verbose
    this.#progress = live ? new ProgressLine(options.stderr) : undefined
  }

  /** The result of a command: one document for programs, or lines for people. */
  answer(value: unknown, lines: readonly string[]): void {
    const { json, quiet, stdout } = this.#options
    if (json) this.#write(stdout, `${printableJson(value)}\n`)
    else if (!quiet) this.#lines(stdout, lines)
  }

  problem(problem: Problem): void {
    const { message, nextStep } = problem
    const { json, stdout, stderr } = this.#options
    if (json) this.#write(stdout, `${printableJson({ error: problem })}\n`)
    else
      this.#lines(stderr, [`b2bmount: ${sentence(message)}`, ...(nextStep === undefined ? [] : [nextStep])])
  }

  /** For people only. */
  note(...lines: readonly string[]): void {
    if (!this.#options.quiet) this.#lines(this.#options.stderr, lines)
  }

  /** Shown even when quiet: without it the command cannot end. @param opened a browser was started */
  prompt(prompt: Prompt, opened: boolean): void {
    this.#lines(this.#options.stderr, promptLines(prompt, opened))
  }

  progress(progress: Progress): void {
    if (this.#options.verbose) this.#lines(this.#options.stderr, [progressText(progress)])
    else this.#progress?.show(progress)
  }

  /** Leaves the terminal as it should be at the end. */
  finish(): void {
    this.#progress?.erase()
  }

  #lines(sink: Sink, lines: readonly string[]): void {
    this.#write(sink, lines.map(line => `${printable(line)}\n`).join(''))
  }

  #write(sink: Sink, text: string): void {
    this.#progress?.erase()
    sink.write(text)
  }
}

function promptLines(prompt: Prompt, opened: boolean): readonly string[] {
  switch (prompt.kind) {
    case 'browser':
      return [
        opened
          ? 'Sign in with the browser that has just been opened. If none appears, open this address:'
          : 'To sign in, open this address in a browser on this machine:',
        prompt.url,
        ...(opened ? [] : ['(No browser here? Cancel, and add --device-code.)']),
      ]
    case 'device-code':
      return [`To sign in, open ${prompt.url} in any browser and enter the code  ${prompt.userCode}`]
  }
}
