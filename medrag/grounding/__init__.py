"""What supports a statement, and when there is too little to answer."""
