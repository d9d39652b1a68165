/** Where the operator's verbs find a CA: below its state folder, for its owner alone. */
export const adminSocket = 'ca/admin.sock';
