/** Opens a data directory as the configuration wants it: on disk, or in memory alone. */
import { openDirectory } from "./directory/data-directory.ts"
import { DiskStorage } from "./disk-storage.ts"
import type { OpenStorage } from "./storage.ts"
import { TransientStorage } from "./transient-storage.ts"

export const openStorage: OpenStorage = async (options, recover) => {
  const data = openDirectory(options.directory, options.nodeId, options.transient, options)
  if (options.transient) {
    const storage = new TransientStorage(options, data)
    try {
      recover(storage)
    } catch (error) {
      await storage.close()
      throw error
    }
    return storage
  }
  const storage = new DiskStorage(options, data)
  try {
    await storage.open(recover(storage))
  } catch (error) {
    await storage.kill()
    throw error
  }
  return storage
}
