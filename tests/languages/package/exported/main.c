/* Lets a library send its arguments. */
int send_arguments(int argc, const char *const *argv);

int main(int argc, char **argv)
{
    return send_arguments(argc - 1, (const char *const *)argv + 1);
}
