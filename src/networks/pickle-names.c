#include "networks/pickle-names.h"

#include <string.h>

static const struct {
    const char *modules, *names;
} running[] = {
    {" os posix nt ",
     " system popen popen2 popen3 popen4 startfile execl execle execlp execlpe execv execve execvp "
     "execvpe spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe posix_spawn "
     "posix_spawnp fork forkpty kill killpg remove unlink rmdir removedirs rename renames replace "
     "truncate chmod chown link symlink mkfifo putenv open _exit abort "},
    {" subprocess ", " Popen run call check_call check_output getoutput getstatusoutput "},
    {" commands ", " getoutput getstatusoutput "},
    {" _posixsubprocess ", " fork_exec "},
    {" builtins __builtin__ ",
     " eval exec execfile compile open input raw_input file __import__ breakpoint "},
    {" io _io codecs ", " open open_code FileIO "},
    {" importlib ", " import_module reload __import__ "},
    {" runpy ", " run_module run_path _run_code _run_module_code "},
    {" pty ", " spawn fork "},
    {" shutil ", " rmtree move copy copy2 copyfile copytree unpack_archive chown "},
    {" socket _socket ", " socket create_connection create_server "},
    {" ctypes _ctypes ", " CDLL PyDLL WinDLL OleDLL LibraryLoader cdll pydll windll oledll dlopen "},
    {" webbrowser ", " open open_new open_new_tab get "},
    {" pdb bdb ", " run runeval runcall set_trace Pdb Bdb "},
    {" code ", " interact InteractiveInterpreter InteractiveConsole "},
    {" timeit ", " timeit repeat "},
    {" pip pip._internal ", " main "},
};

/* Whether a list has a word, with a space before and behind each. */
static bool is_listed(const char *list, const char *word, size_t length) {
    for (const char *at = list; length > 0 && (at = memmem(at, strlen(at), word, length)); at++)
        if (at > list && at[-1] == ' ' && at[length] == ' ' && !memchr(word, ' ', length)) return true;
    return false;
}

/* Python looks a name up part by part: of "eval.x" it would take "eval". */
static size_t first_part(const bt_node *name) {
    const char *dot = memchr(name->text, '.', name->length);
    return dot ? (size_t)(dot - name->text) : name->length;
}

bool bt_pickle_name_runs(const bt_node *module, const bt_node *name) {
    for (size_t i = 0; i < sizeof running / sizeof *running; i++)
        if (is_listed(running[i].modules, module->text, module->length) &&
            is_listed(running[i].names, name->text, first_part(name)))
            return true;
    return false;
}
