/** What a call throws; what it answers when it does not. */
export async function thrownBy(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    return error;
  }
}
