/**
 * What happened, as a hash and, if wanted, as text. Everything that a run decides goes in, so two runs of one seed that
 * differ anywhere differ here.
 */
export class Trace {
  private a = 0x811c9dc5
  private b = 0x3c6ef372
  steps = 0
  private readonly scratch = new Float64Array(1)
  private readonly words = new Uint32Array(this.scratch.buffer)
  private readonly print: ((line: string) => void) | undefined

  /** Whether anybody reads it. */
  get isPrinted(): boolean {
    return this.print !== undefined
  }

  /** @param print receives each step as a line; absent = only the hash is kept */
  constructor(print?: (line: string) => void) {
    this.print = print
  }

  /** @param describe is called only where text is wanted */
  step(realMs: number, machine: number, what: string, describe?: () => string): void {
    this.steps++
    this.scratch[0] = realMs
    this.mix(this.words[0] as number)
    this.mix((this.words[1] as number) ^ (machine << 20))
    for (let i = 0; i < what.length; i++) this.mix(what.charCodeAt(i))
    if (this.print === undefined) return
    const detail = describe === undefined ? "" : ` ${describe()}`
    this.print(`${realMs.toFixed(3).padStart(12)} n${machine} ${what}${detail}`)
  }

  /** Numbers that belong to the last step. */
  mix(value: number): void {
    this.a = Math.imul(this.a ^ value, 0x01000193)
    this.b = Math.imul(this.b ^ (value + (this.a >>> 15)), 0x85ebca6b)
  }

  hash(): string {
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, "0")
    return hex(this.a ^ (this.a >>> 16)) + hex(this.b ^ (this.b >>> 13))
  }
}
