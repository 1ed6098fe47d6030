/** Lines and columns of a text, counted from 1 as editors do; a column is a character (code point), not a byte. */
export interface Position {
  readonly line: number
  readonly column: number
}

export class Lines {
  private readonly starts: number[] = [0]
  private readonly text: string
  private last = { start: -1, offset: 0, column: 0 }

  constructor(text: string) {
    this.text = text
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit === 10 || (unit === 13 && text.charCodeAt(i + 1) !== 10)) this.starts.push(i + 1)
    }
  }

  /** @param offset in UTF-16 units, 0 to the text's length */
  at(offset: number): Position {
    let low = 0
    let high = this.starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.starts[middle] as number) <= offset) low = middle
      else high = middle - 1
    }
    const start = this.starts[low] as number
    // Places are asked for mostly in order: a line of a million characters is walked once, not once a place.
    let column = 1
    let from = start
    if (this.last.start === start && this.last.offset <= offset) {
      column = this.last.column
      from = this.last.offset
    }
    for (let i = from; i < offset; i++) {
      const unit = this.text.charCodeAt(i)
      // The second half of a surrogate pair is no character of its own.
      if (unit < 0xdc00 || unit > 0xdfff || i === start) column++
    }
    this.last = { start, offset, column }
    return { line: low + 1, column }
  }
}
