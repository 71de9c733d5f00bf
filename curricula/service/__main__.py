"""`python -m curricula.service`."""

from curricula.service.app import main

main()
