/** The keys that exist, so that "certainly absent" needs no disk. (First shape: says nothing.) */
export class KeyFilter {
  ready = false
}
